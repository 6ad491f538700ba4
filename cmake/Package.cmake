# CPack: libclformer<major>, libclformer-dev, libclformer-acl<major>, libclformer-acl-dev and
# clformer-bench as Debian packages.

set(CPACK_PACKAGE_NAME clformer)
set(CPACK_PACKAGE_VENDOR "clformer")
set(CLFORMER_PACKAGE_CONTACT "clformer developers <root@localhost>" CACHE STRING
    "Maintainer named in Debian packages: name <address>")
set(CPACK_PACKAGE_CONTACT "${CLFORMER_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)

set(CPACK_COMPONENTS_ALL runtime development)
if(TARGET clformer-bench)
    list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
if(TARGET clformer_acl)
    list(APPEND CPACK_COMPONENTS_ALL acl acl_development)
endif()
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_IGNORE_GROUPS ON)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)

set(library_package "libclformer${PROJECT_VERSION_MAJOR}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${library_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "pocl-opencl-icd | opencl-icd")
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "${PROJECT_DESCRIPTION}: the shared library")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libclformer-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "${library_package} (= ${PROJECT_VERSION}), ocl-icd-opencl-dev | opencl-dev, opencl-c-headers, libjansson-dev (>= 2.13)")
if(has_clblast)
    string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libclblast-dev (>= 1.5)")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "${PROJECT_DESCRIPTION}: headers, static library, CMake and pkg-config files")

set(CPACK_DEBIAN_ACL_PACKAGE_NAME "libclformer-acl${PROJECT_VERSION_MAJOR}")
set(CPACK_DEBIAN_ACL_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_ACL_PACKAGE_DEPENDS "${library_package} (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_ACL_DESCRIPTION
    "${PROJECT_DESCRIPTION}: the library for programs written for CANN")
set(CPACK_DEBIAN_ACL_DEVELOPMENT_PACKAGE_NAME libclformer-acl-dev)
set(CPACK_DEBIAN_ACL_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_ACL_DEVELOPMENT_PACKAGE_DEPENDS
    "${CPACK_DEBIAN_ACL_PACKAGE_NAME} (= ${PROJECT_VERSION}), libclformer-dev (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_ACL_DEVELOPMENT_DESCRIPTION
    "${PROJECT_DESCRIPTION}: headers of CANN's interface, CMake and pkg-config files")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME clformer-bench)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_COMPONENT_TOOLS_DESCRIPTION "${PROJECT_DESCRIPTION}: benchmark and device information")

include(CPack)
