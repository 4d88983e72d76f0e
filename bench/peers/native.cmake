# native.cmake: the peers that there are natively only. What is not installed is left out, and nothing is fetched.
# cmake/setup.sh bench installs what they need.

# A sanitizer sees their locks only where they are built with it too.
if(PT_SANITIZE)
    message(STATUS "bench: with a sanitizer no other peers than pthread")
    return()
endif()

# ---- In C and C++, on the harness ----

# pt_bench_library(name source modules...): the peer peers/<source>, on what pkg-config knows as these modules.
function(pt_bench_library name source)
    list(JOIN ARGN " and " modules)
    if(PkgConfig_FOUND)
        pkg_check_modules(bench_${name} QUIET IMPORTED_TARGET ${ARGN})
    endif()
    if(NOT bench_${name}_FOUND)
        message(STATUS "bench: no peer ${name}: pkg-config finds no ${modules}")
        return()
    endif()
    pt_bench_program(pt_bench_peer_${name} peers/${source})
    target_link_libraries(pt_bench_peer_${name} PRIVATE PkgConfig::bench_${name})
endfunction()

find_package(PkgConfig QUIET)
pt_bench_library(glib glib.c glib-2.0)
pt_bench_library(libuv libuv.c libuv)
pt_bench_library(apr apr.c apr-util-1 apr-1)
pt_bench_library(ck ck.c ck)

# Of the same make as the C compiler, since both get the same options.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
endif()
if(CMAKE_CXX_COMPILER AND CMAKE_CXX_COMPILER_ID STREQUAL CMAKE_C_COMPILER_ID)
    pt_bench_library(tbb tbb.cpp tbb)
    # bench.h has a struct and a function of one name, which in C++ shadow each other.
    set_source_files_properties(peers/tbb.cpp PROPERTIES COMPILE_OPTIONS -Wno-shadow)
else()
    message(STATUS "bench: no peer tbb: there is no C++ compiler that goes with the C compiler")
endif()

# ---- In Rust, Go and Python, with harnesses of their own ----

# A compiler for another machine says nothing of cargo's, Go's and Python's.
if(CMAKE_CROSSCOMPILING)
    message(STATUS "bench: no peers in Rust, Go and Python for another machine")
    return()
endif()

# pt_bench_version(out program arguments...): the first version number that the program says, or empty.
function(pt_bench_version out)
    execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE said ERROR_QUIET WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    string(REGEX MATCH "[0-9]+(\\.[0-9]+)+" version "${said}")
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

# pt_bench_foreign(names... SOURCES files... COMMANDS command...): programs that the command makes in this build folder.
function(pt_bench_foreign)
    cmake_parse_arguments(arg "" "" "SOURCES;COMMANDS" ${ARGN})
    list(GET arg_UNPARSED_ARGUMENTS 0 first)
    list(TRANSFORM arg_UNPARSED_ARGUMENTS PREPEND ${CMAKE_CURRENT_BINARY_DIR}/ OUTPUT_VARIABLE programs)
    add_custom_command(OUTPUT ${programs} DEPENDS ${arg_SOURCES} ${arg_COMMANDS} VERBATIM)
    add_custom_target(${first}_made ALL DEPENDS ${programs})
    foreach(name IN LISTS arg_UNPARSED_ARGUMENTS)
        pt_bench_test(${name} ${CMAKE_CURRENT_BINARY_DIR}/${name})
    endforeach()
endfunction()

# Debian's own cargo first: its registry is made for it. Each cargo with the rustc beside it.
function(pt_bench_rust)
    set(registry /usr/share/cargo/registry)
    find_program(PT_BENCH_CARGO cargo HINTS /usr/bin NO_CMAKE_FIND_ROOT_PATH)
    file(GLOB parking_lot ${registry}/parking_lot-[0-9]*)
    file(GLOB crossbeam ${registry}/crossbeam-channel-[0-9]*)
    if(NOT PT_BENCH_CARGO OR NOT parking_lot OR NOT crossbeam)
        message(STATUS "bench: no peers in Rust: they need cargo, parking_lot and crossbeam-channel in ${registry}")
        return()
    endif()
    get_filename_component(folder ${PT_BENCH_CARGO} DIRECTORY)
    pt_bench_version(version ${folder}/rustc --version)
    if(version VERSION_LESS 1.63)
        message(STATUS "bench: no peers in Rust: ${folder}/rustc is missing or older than 1.63")
        return()
    endif()
    # Built from a copy, since cargo writes beside its sources. Its .cargo/config.toml keeps cargo off the network.
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/peers/rust)
    set(copy ${CMAKE_CURRENT_BINARY_DIR}/rust)
    set(names pt_bench_peer_parking_lot pt_bench_peer_rust_std pt_bench_peer_crossbeam)
    list(TRANSFORM names PREPEND ${copy}/target/release/ OUTPUT_VARIABLE made)
    set(sources src/lib.rs src/options.rs src/pin.rs src/bin/parking_lot.rs src/bin/rust_std.rs src/bin/crossbeam.rs
        Cargo.toml .cargo/config.toml)
    list(TRANSFORM sources PREPEND ${source}/)
    pt_bench_foreign(${names}
        SOURCES ${sources}
        COMMANDS
        COMMAND ${CMAKE_COMMAND} -E copy_directory ${source}/src ${copy}/src
        COMMAND ${CMAKE_COMMAND} -E copy_directory ${source}/.cargo ${copy}/.cargo
        COMMAND ${CMAKE_COMMAND} -E copy ${source}/Cargo.toml ${copy}
        COMMAND ${CMAKE_COMMAND} -E chdir ${copy} ${CMAKE_COMMAND} -E env RUSTC=${folder}/rustc
            CARGO_TARGET_DIR=${copy}/target ${PT_BENCH_CARGO} build --release --offline --quiet
        COMMAND ${CMAKE_COMMAND} -E copy ${made} ${CMAKE_CURRENT_BINARY_DIR})
endfunction()

function(pt_bench_go)
    find_program(PT_BENCH_GO go HINTS /usr/bin NO_CMAKE_FIND_ROOT_PATH)
    if(NOT PT_BENCH_GO)
        message(STATUS "bench: no peer in Go: there is no go")
        return()
    endif()
    pt_bench_version(version ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local ${PT_BENCH_GO} version)
    if(version VERSION_LESS 1.19)
        message(STATUS "bench: no peer in Go: ${PT_BENCH_GO} is older than 1.19")
        return()
    endif()
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/peers/go)
    set(program ${CMAKE_CURRENT_BINARY_DIR}/pt_bench_peer_go)
    pt_bench_foreign(pt_bench_peer_go
        SOURCES ${source}/main.go ${source}/harness.go ${source}/go.mod
        COMMANDS
        COMMAND ${CMAKE_COMMAND} -E chdir ${source} ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local GOPROXY=off GOWORK=off
            GOFLAGS=-mod=readonly CGO_ENABLED=0 GOCACHE=${CMAKE_CURRENT_BINARY_DIR}/go-cache
            ${PT_BENCH_GO} build -buildvcs=false -o ${program} .)
endfunction()

# Not a program to build: a command that runs the one in the source folder, and writes nothing there.
function(pt_bench_python)
    find_program(PT_BENCH_PYTHON python3 HINTS /usr/bin NO_CMAKE_FIND_ROOT_PATH)
    if(NOT PT_BENCH_PYTHON)
        message(STATUS "bench: no peer in Python: there is no python3")
        return()
    endif()
    pt_bench_version(version ${PT_BENCH_PYTHON} --version)
    if(version VERSION_LESS 3.8)
        message(STATUS "bench: no peer in Python: ${PT_BENCH_PYTHON} is older than 3.8")
        return()
    endif()
    set(program ${CMAKE_CURRENT_BINARY_DIR}/pt_bench_peer_python)
    file(WRITE ${program} "#!/bin/sh\nexec '${PT_BENCH_PYTHON}' -B -E "
        "'${CMAKE_CURRENT_SOURCE_DIR}/peers/python/main.py' \"$@\"\n")
    file(CHMOD ${program} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
        WORLD_EXECUTE)
    pt_bench_test(pt_bench_peer_python ${program})
endfunction()

pt_bench_rust()
pt_bench_go()
pt_bench_python()
