# native.cmake: the peers that there are natively only. What is not installed is left out, and nothing is fetched.
# cmake/setup.sh bench installs what they need.

# A sanitizer sees their locks only where they are built with it too.
if(PT_SANITIZE)
    message(STATUS "bench: with a sanitizer no other peers than pthread")
    return()
endif()

# ---- In C, on the harness ----

# pt_bench_library(name module): the peer peers/<name>.c, on what pkg-config knows as <module>.
function(pt_bench_library name module)
    if(PkgConfig_FOUND)
        pkg_check_modules(bench_${name} QUIET IMPORTED_TARGET ${module})
    endif()
    if(NOT bench_${name}_FOUND)
        message(STATUS "bench: no peer ${name}: pkg-config finds no ${module}")
        return()
    endif()
    pt_bench_program(pt_bench_peer_${name} peers/${name}.c)
    target_link_libraries(pt_bench_peer_${name} PRIVATE PkgConfig::bench_${name})
endfunction()

find_package(PkgConfig QUIET)
pt_bench_library(glib glib-2.0)
pt_bench_library(libuv libuv)
