# checked.cmake: a checked build of the library must find each broken rule, and name thread, object and place. Nothing else
# is to be found in any of the other tests.

pt_library(portalis_thread_checked STATIC ${PT_PORT_WAIT} ON)
pt_program(checked_program checked_program.c LIBRARY portalis_thread_checked)

# pt_add_checked(scenario expression): the program with this argument ends with a message that matches.
function(pt_add_checked scenario match)
    pt_add_test(checked.${scenario} ${CMAKE_COMMAND} -DMATCH=${match} -DEXIT=failure -P
        ${CMAKE_CURRENT_SOURCE_DIR}/expect.cmake -- ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:checked_program>
        ${scenario})
    set_tests_properties(${PT_TEST_PREFIX}.checked.${scenario} PROPERTIES TIMEOUT 60)
endfunction()

set(at "0x[0-9a-f]+ at [^ ]*checked_program.c:[0-9]+")
set(main "thread [0-9]+ .main.")
pt_add_checked(relock "locks a lock that it holds.*${main} locks mutex ${at}.*${main} holds mutex ${at}")
pt_add_checked(relock_rwlock "locks a lock that it holds.*locks rwlock .write. ${at}.*holds rwlock .read. ${at}")
pt_add_checked(unlock_free "does not hold.*${main} unlocks mutex ${at}.*Nobody holds it")
pt_add_checked(unlock_others "does not hold.*${main} unlocks mutex ${at}.*.holder. holds mutex ${at}")
pt_add_checked(wait_without_lock "does not hold.*${main} unlocks mutex ${at}")
pt_add_checked(reuse_memory "memory was used anew.*holds mutex ${at}.*locked mutex ${at}")
pt_add_checked(free_held "memory is given back.*holds mutex ${at}")
pt_add_checked(end_with_lock "while other code is called.*.forgetful. holds mutex ${at}")
pt_add_checked(cancel_with_lock "while other code is called.*${main} holds mutex ${at}.*a cancel hook from [^ ]*checked_program.c")
pt_add_checked(opposite_orders
    "opposite orders.*holds mutex ${at}.*now locks mutex ${at}.*once held mutex ${at}.*and then locked mutex ${at}")
pt_add_checked(ring_of_three "opposite orders.*once held.*once held mutex ${at}")
pt_add_checked(join_holding "wait for each other.*waits for (thread|mutex) 0x.*waits for (thread|mutex) 0x")
pt_add_checked(join_each_other "wait for each other.*.(first|second). waits for thread ${at}.*waits for thread ${at}")
pt_add_checked(join_oneself "joins itself.*.lonely. joins thread ${at}")
pt_add_checked(rwlock_and_mutex "opposite orders.*now locks (rwlock .write.|mutex) ${at}")
set(first "thread [0-9]+ .first. is within")
set(jobs "[(][)] of channel .jobs. ${at}")
pt_add_checked(two_senders
    "two threads send.*${first} pt_channel_send${jobs}.*${main} calls pt_channel_try_send${jobs}.*one_sender")
pt_add_checked(two_senders_of_many
    "two threads send.*${first} pt_channel_send${jobs}.*${main} calls pt_channel_send_many${jobs}")
pt_add_checked(close_others_send
    "two threads send.*${first} pt_channel_send${jobs}.*${main} calls pt_channel_close${jobs}")
pt_add_checked(select_others_send
    "two threads send.*${first} pt_channel_send${jobs}.*${main} calls pt_select${jobs}")
pt_add_checked(two_receivers
    "two threads receive.*${first} pt_channel_close_now${jobs}.*${main} calls pt_channel_receive${jobs}.*one_receiver")
pt_add_checked(receive_while_another_waits
    "two threads receive.* pt_(select|channel_try_receive)${jobs}.* pt_(select|channel_try_receive)${jobs}")
if(PT_TARGET STREQUAL native AND PT_PORT_WAIT STREQUAL futex AND NOT PT_SANITIZE)
    # A sanitizer may run a thread of its own, and other targets do not tell how many there are.
    pt_add_checked(nobody_left "nobody is left.*(barrier ${at}.*condition ${at}|condition ${at}.*barrier ${at})")
endif()
pt_add_test(checked.nothing_wrong ${CMAKE_COMMAND} "-DMATCH=nothing wrong" -DEXIT=0 -P
    ${CMAKE_CURRENT_SOURCE_DIR}/expect.cmake -- ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:checked_program>
    nothing_wrong)

# All other tests, natively.
if(PT_TARGET STREQUAL native)
    pt_test_library(test_support_checked portalis_thread_checked)
    foreach(subject IN LISTS subjects)
        add_executable(test_${subject}_checked test_${subject}.c)
        target_link_libraries(test_${subject}_checked PRIVATE test_support_checked)
        pt_add_test(checked.${subject} test_${subject}_checked)
    endforeach()
endif()
