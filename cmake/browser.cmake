# browser.cmake: toolchain file for the browser: Emscripten with threads, programs as ES modules (.mjs).
#
# Takes the emcc on PATH if it is new enough, else the one that cmake/setup.sh installed. How much memory, how many
# Workers and the like is for the project to say, not for this file.
#
# A build folder stays with the toolchain it was made with.

set(oldest_emcc 4.0.0) # as in setup.sh

# The version that Emscripten's folder says it has; empty if it does not say.
function(read_emcc_version folder result)
    set(version "")
    if(EXISTS ${folder}/emscripten-version.txt)
        file(READ ${folder}/emscripten-version.txt version)
        string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
    endif()
    set(${result} "${version}" PARENT_SCOPE)
endfunction()

# The Emscripten folder of the emcc on PATH, which may be a link or somebody's wrapper.
function(find_users_emscripten result)
    set(${result} "" PARENT_SCOPE)
    find_program(emcc emcc PATHS ENV PATH NO_DEFAULT_PATH NO_CACHE)
    if(emcc)
        get_filename_component(real ${emcc} REALPATH)
        get_filename_component(folder ${real} DIRECTORY)
        if(NOT EXISTS ${folder}/emscripten-version.txt)
            execute_process(COMMAND em-config EMSCRIPTEN_ROOT OUTPUT_VARIABLE folder ERROR_QUIET
                OUTPUT_STRIP_TRAILING_WHITESPACE)
        endif()
        set(${result} "${folder}" PARENT_SCOPE)
    endif()
endfunction()

if(NOT PT_EMSCRIPTEN_ROOT)
    find_users_emscripten(users)
    read_emcc_version("${users}" version)
    if(version VERSION_GREATER_EQUAL oldest_emcc)
        set(PT_EMSCRIPTEN_ROOT ${users} CACHE PATH "The Emscripten in use: the folder of emcc.py")
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
        if(NOT EXISTS ${cache}/browser/versions)
            if(users)
                message(FATAL_ERROR "the emcc on PATH, ${version}, is too old, need ${oldest_emcc}; run: make setup")
            endif()
            message(FATAL_ERROR "no Emscripten yet; run: make setup")
        endif()
        set(PT_EMSCRIPTEN_ROOT ${cache}/browser/usr/share/emscripten CACHE PATH
            "The Emscripten in use: the folder of emcc.py")
    endif()
endif()

# What Emscripten's own file would otherwise ask emcc for again, in each try_compile.
read_emcc_version(${PT_EMSCRIPTEN_ROOT} EMSCRIPTEN_VERSION)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PT_EMSCRIPTEN_ROOT CMAKE_C_COMPILER_VERSION CMAKE_CXX_COMPILER_VERSION)
get_filename_component(runner ${CMAKE_CURRENT_LIST_DIR}/../src/browser/host/portalis-browser-run.mjs ABSOLUTE)
set(CMAKE_CROSSCOMPILING_EMULATOR node ${runner})
set(EMSCRIPTEN_ROOT_PATH ${PT_EMSCRIPTEN_ROOT})
include(${PT_EMSCRIPTEN_ROOT}/cmake/Modules/Platform/Emscripten.cmake)

set(CMAKE_C_FLAGS_INIT -pthread)
set(CMAKE_CXX_FLAGS_INIT -pthread)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-sEXPORT_ES6 -sMODULARIZE")
# -g2 keeps function names, which is what a stack trace shows; DWARF would cost some of Binaryen's optimisations.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g2 -DNDEBUG" CACHE STRING "Flags for RelWithDebInfo")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g2 -DNDEBUG" CACHE STRING "Flags for RelWithDebInfo")
# By language, since Emscripten's file is read once more later, and sets the suffix for all.
set(CMAKE_EXECUTABLE_SUFFIX_C .mjs)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .mjs)
