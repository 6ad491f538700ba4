# libclformer_acl: the interface of CANN's programs (include/acl, aclnn, aclnnop), a user of libclformer.

file(GLOB acl_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/host/acl/*.c")
add_library(clformer_acl SHARED ${acl_sources})
set_target_properties(clformer_acl PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    EXPORT_NAME acl
    C_VISIBILITY_PRESET hidden)
add_library(clformer::acl ALIAS clformer_acl)
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize") # whose runtime only programs are linked with
    target_link_options(clformer_acl PRIVATE LINKER:--no-undefined)
endif()
target_include_directories(clformer_acl
    PRIVATE "${PROJECT_SOURCE_DIR}/host"
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
# Programs see nothing of OpenCL and the native library.
target_link_libraries(clformer_acl
    PRIVATE clformer OpenCL::OpenCL Threads::Threads clformer_warnings)
