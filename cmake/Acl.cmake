# libclformer_acl: the interface of CANN's programs (include/acl, aclnn, aclnnop), a user of libclformer.

file(GLOB acl_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/host/acl/*.c")
add_library(clformer_acl_objects OBJECT ${acl_sources})
set_target_properties(clformer_acl_objects PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden)
# Programs see nothing of OpenCL and the native library.
set(acl_private_libraries clformer OpenCL::OpenCL Threads::Threads)
target_include_directories(clformer_acl_objects PRIVATE
    "${PROJECT_SOURCE_DIR}/host" "${PROJECT_SOURCE_DIR}/include")
target_link_libraries(clformer_acl_objects PRIVATE ${acl_private_libraries} clformer_warnings)

add_library(clformer_acl SHARED $<TARGET_OBJECTS:clformer_acl_objects>)
set_target_properties(clformer_acl PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    EXPORT_NAME acl
    INSTALL_RPATH "$ORIGIN" # where libclformer lies
    LINKER_LANGUAGE C)
add_library(clformer::acl ALIAS clformer_acl)
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize") # whose runtime only programs are linked with
    target_link_options(clformer_acl PRIVATE LINKER:--no-undefined)
endif()
target_include_directories(clformer_acl PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/clformer-acl>)
target_link_libraries(clformer_acl PRIVATE ${acl_private_libraries})

# For tests only: the same objects and the native ones, whose hidden symbols a static link reaches.
add_library(clformer_acl_internal STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:clformer_acl_objects>)
set_target_properties(clformer_acl_internal PROPERTIES LINKER_LANGUAGE C)
target_link_libraries(clformer_acl_internal PUBLIC clformer_internal)
