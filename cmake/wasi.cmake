# wasi.cmake: toolchain file for WASI with threads.
#
# Takes the wasi-sdk that WASI_SDK_PATH names, else what cmake/setup.sh installed: Debian's clang 22 over wasix-libc.
# Either way a program is a module that imports its memory (env.memory, shared) and wasi.thread-spawn, and exports
# wasi_thread_start, malloc and free, which is what hosts of the wasi-threads ABI ask for.
#
# A build folder stays with the toolchain it was made with.

set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
# CMake 3.25 does not know the platform; the module here tells it.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR}/modules)

set(PT_WASI_SDK_PATH "$ENV{WASI_SDK_PATH}" CACHE PATH "The wasi-sdk in use; empty: clang 22 and wasix-libc")
set(PT_WASI_INITIAL_MEMORY 16777216 CACHE STRING "Bytes of memory a program starts with (read with a new build folder)")
set(PT_WASI_MAX_MEMORY 1073741824 CACHE STRING "Bytes of memory it may have at most (read with a new build folder)")
set(PT_WASI_STACK_SIZE 1048576 CACHE STRING "Bytes of its main thread's stack (read with a new build folder)")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES
    PT_WASI_SDK_PATH PT_WASI_INITIAL_MEMORY PT_WASI_MAX_MEMORY PT_WASI_STACK_SIZE)

if(NOT "$ENV{WASI_SDK_PATH}" STREQUAL "" AND NOT "$ENV{WASI_SDK_PATH}" STREQUAL PT_WASI_SDK_PATH)
    message(FATAL_ERROR "this build folder was made with another toolchain; run: cmake --fresh --preset wasi")
endif()

if(PT_WASI_SDK_PATH)
    set(bin ${PT_WASI_SDK_PATH}/bin)
    set(CMAKE_SYSROOT ${PT_WASI_SDK_PATH}/share/wasi-sysroot)
    set(remedy "WASI_SDK_PATH names no wasi-sdk with wasm32-wasip1-threads: ${PT_WASI_SDK_PATH}")
else()
    # The cache folder, by the same rule as in setup.sh.
    set(cache "$ENV{PT_CACHE}")
    if(cache STREQUAL "")
        set(cache "$ENV{XDG_CACHE_HOME}")
        if(cache STREQUAL "")
            set(cache "$ENV{HOME}/.cache")
        endif()
        string(APPEND cache /portalis-thread)
    endif()
    get_filename_component(cache "${cache}" ABSOLUTE BASE_DIR ${CMAKE_CURRENT_LIST_DIR}/..)
    set(bin /usr/lib/llvm-22/bin)
    set(CMAKE_SYSROOT ${cache}/wasi/usr)
    set(remedy "no WASI toolchain yet; run: make setup")
endif()
if(NOT EXISTS ${bin}/clang OR NOT EXISTS ${CMAKE_SYSROOT}/lib/wasm32-wasip1-threads/libc.a)
    message(FATAL_ERROR "${remedy}")
endif()

if(NOT EXISTS ${CMAKE_SYSROOT}/lib/wasm32-wasip1-threads/libc++.a)
    set(CMAKE_CXX_COMPILER_WORKS TRUE) # as far as compiling goes; wasix-libc comes without a C++ library
endif()

set(CMAKE_C_COMPILER ${bin}/clang)
set(CMAKE_CXX_COMPILER ${bin}/clang++)
set(CMAKE_AR ${bin}/llvm-ar)
set(CMAKE_RANLIB ${bin}/llvm-ranlib)
set(CMAKE_C_COMPILER_TARGET wasm32-wasip1-threads)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasip1-threads)
set(CMAKE_C_FLAGS_INIT -pthread)
set(CMAKE_CXX_FLAGS_INIT -pthread)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--import-memory,--export-memory,--export=malloc,--export=free")
string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT " -Wl,--initial-memory=${PT_WASI_INITIAL_MEMORY}"
    " -Wl,--max-memory=${PT_WASI_MAX_MEMORY} -Wl,-z,stack-size=${PT_WASI_STACK_SIZE}")

set(CMAKE_EXECUTABLE_SUFFIX .wasm)
get_filename_component(runner ${CMAKE_CURRENT_LIST_DIR}/../src/wasi/host/portalis-wasi-run.mjs ABSOLUTE)
set(CMAKE_CROSSCOMPILING_EMULATOR node ${runner} --max-threads 72)

# Programs are the host's; what is linked in is the target's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
    if(NOT CMAKE_FIND_ROOT_PATH_MODE_${kind})
        set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
    endif()
endforeach()
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/lib/wasm32-wasip1-threads/pkgconfig)
