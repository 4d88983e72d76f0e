# install.cmake: what `cmake --install` puts where: headers, libraries, the CMake package, the pkg-config file.
include(CMakePackageConfigHelpers)

set(installed portalis_thread)
if(PT_SHARED)
    list(APPEND installed portalis_thread_shared)
endif()
install(TARGETS ${installed} EXPORT portalis_thread
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
    PATTERN sim EXCLUDE PATTERN pt_uv.h EXCLUDE)
if(PT_SIM)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sim/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/portalis_thread)
install(EXPORT portalis_thread NAMESPACE portalis:: FILE portalis_threadTargets.cmake DESTINATION ${package})

# The bridge's targets are apart: they are for who has libuv, as portalis_threadConfig.cmake finds out.
if(with_uv)
    set(installed portalis_thread_uv)
    if(PT_SHARED)
        list(APPEND installed portalis_thread_uv_shared)
    endif()
    install(TARGETS ${installed} EXPORT portalis_thread_uv
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT portalis_thread_uv NAMESPACE portalis:: FILE portalis_thread_uvTargets.cmake DESTINATION ${package})
    install(FILES ${PROJECT_SOURCE_DIR}/include/pt_uv.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/portalis_threadConfig.cmake.in
    ${PROJECT_BINARY_DIR}/portalis_threadConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/portalis_threadConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/portalis_threadConfig.cmake ${PROJECT_BINARY_DIR}/portalis_threadConfigVersion.cmake
    DESTINATION ${package})

# The prefix is found from the file's own place, so that an installed tree may be moved.
file(RELATIVE_PATH PT_PREFIX_FROM_PC /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
set(PT_PC_CFLAGS "")
if(PT_CHECKED)
    set(PT_PC_CFLAGS " -DPT_CHECKED")
endif()
set(PT_PC_LIBS "")
if(PT_SIM)
    list(JOIN sim_compile_options " " PT_PC_CFLAGS)
    string(REPLACE "SHELL:" "" PT_PC_CFLAGS " ${PT_PC_CFLAGS}")
    list(JOIN sim_link_options " " PT_PC_LIBS)
    string(PREPEND PT_PC_LIBS " ")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/portalis_thread.pc.in ${PROJECT_BINARY_DIR}/portalis_thread.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/portalis_thread.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(with_uv)
    configure_file(${CMAKE_CURRENT_LIST_DIR}/portalis_thread_uv.pc.in ${PROJECT_BINARY_DIR}/portalis_thread_uv.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/portalis_thread_uv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
