# native.cmake: the tests that are of one platform only.

# Other Unixes' way of waiting, in a build of the library of its own, under all tests.
if(PT_PORT_WAIT STREQUAL "futex")
    pt_library(portalis_thread_table STATIC table OFF)
    pt_test_library(test_support_table portalis_thread_table)
    target_compile_definitions(test_support_table PUBLIC TEST_WAIT_TABLE)
    foreach(subject IN LISTS subjects)
        add_executable(test_${subject}_table test_${subject}.c)
        target_link_libraries(test_${subject}_table PRIVATE test_support_table)
        pt_add_test(table.${subject} test_${subject}_table)
    endforeach()

    # A signal handler could interrupt the other way's own locks.
    foreach(subject processors signal)
        add_executable(test_${subject} test_${subject}.c)
        target_link_libraries(test_${subject} PRIVATE test_support)
        pt_add_test(${subject} test_${subject})
    endforeach()
endif()

# What a sanitizer cannot live with is skipped, with the reason.
set(no_fork "")
set(no_limits "")
if(PT_SANITIZE)
    set(no_limits "a sanitizer cannot live with a limit on memory")
endif()
if(PT_SANITIZE STREQUAL "thread")
    set(no_fork "ThreadSanitizer does not let a child of several threads start threads of its own")
elseif(PT_SANITIZE AND (CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_C_COMPILER_VERSION VERSION_LESS 15
                        OR CMAKE_C_COMPILER_ID MATCHES Clang AND CMAKE_C_COMPILER_VERSION VERSION_LESS 18))
    set(no_fork "a child finds this AddressSanitizer's own locks held, as from gcc 15 and clang 18 on it does not")
endif()
foreach(subject fork limits)
    if(no_${subject})
        pt_skip_test(${subject} ${no_${subject}})
    else()
        add_executable(test_${subject} test_${subject}.c)
        target_link_libraries(test_${subject} PRIVATE test_support)
        pt_add_test(${subject} test_${subject})
    endif()
endforeach()

# With one processor, where spinning is of no use and every hand-over is a switch.
find_program(taskset taskset)
if(taskset)
    foreach(subject mutex rwlock cond semaphore event barrier crowd carrier)
        pt_add_test(one_processor.${subject} ${taskset} -c 0 $<TARGET_FILE:test_${subject}>)
    endforeach()
endif()

# What other implementations of CBOR and JSON write and read; without their npm packages, only what Node itself has.
add_executable(message_tool message/message_tool.c)
target_link_libraries(message_tool PRIVATE portalis_thread)
pt_add_test(interop ${CMAKE_COMMAND} -E env PT_PROGRAM=$<TARGET_FILE:message_tool>
    node --test ${CMAKE_CURRENT_SOURCE_DIR}/interop/interop.test.mjs)

# The bridge to libuv, which itself is not instrumented: see test_uv.c.
if(with_uv)
    add_executable(test_uv test_uv.c)
    target_link_libraries(test_uv PRIVATE test_support portalis_thread_uv)
    pt_add_test(uv test_uv)
else()
    pt_skip_test(uv "there is no libuv")
endif()

# What is installed is what users need, and nothing else is exported. Not under sanitizers: users' programs would need
# their runtimes.
if(PT_SHARED AND NOT PT_SANITIZE)
    pt_add_test(install ${CMAKE_CURRENT_SOURCE_DIR}/install/run.sh ${PROJECT_BINARY_DIR})
endif()

# The headers' annotations, which clang alone checks; run.sh says so where there is none.
find_program(PT_CLANG NAMES clang-22 clang PATHS /usr/lib/llvm-22/bin DOC "The clang that checks annotations")
pt_add_test(thread_safety ${CMAKE_CURRENT_SOURCE_DIR}/thread_safety/run.sh ${PT_CLANG})
