# What `cmake --install` puts where: libraries, headers, the CMake package, clformer.pc and, if it was
# built, clformer-bench. Components runtime, development and tools, which are also Debian packages; those
# of the ACL library are in cmake/InstallAcl.cmake.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/clformer")

# Two export sets, so that users of the shared library need nothing that only the static one needs.
install(TARGETS clformer EXPORT clformer-shared-targets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT development)
install(TARGETS clformer_static EXPORT clformer-static-targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/clformer"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development FILES_MATCHING PATTERN "*.h")
foreach(kind shared static)
    install(EXPORT clformer-${kind}-targets NAMESPACE clformer::
        DESTINATION "${package_dir}" COMPONENT development)
endforeach()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/clformer-config.cmake.in"
    "${PROJECT_BINARY_DIR}/generated/clformer-config.cmake"
    INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/clformer-config-version.cmake"
    COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/generated/clformer-config.cmake"
              "${PROJECT_BINARY_DIR}/generated/clformer-config-version.cmake"
    DESTINATION "${package_dir}" COMPONENT development)

# Relative, so that the installed tree may be moved.
file(RELATIVE_PATH path_to_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" path_to_prefix "${path_to_prefix}")
set(pkgconfig_clblast "")
if(has_clblast)
    set(pkgconfig_clblast ", clblast >= 1.5")
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/clformer.pc.in"
    "${PROJECT_BINARY_DIR}/generated/clformer.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/clformer.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)

if(TARGET clformer_acl)
    include(InstallAcl)
endif()

if(TARGET clformer-bench)
    install(TARGETS clformer-bench
        RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
endif()
