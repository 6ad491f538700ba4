# The ACL library: components acl and acl_development, which are Debian packages too, and ascend, a prefix
# of its own that serves as ASCEND_HOME_PATH:
#     cmake --install BUILD --component ascend --prefix PREFIX

install(TARGETS clformer_acl EXPORT clformer-acl-targets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT acl NAMELINK_COMPONENT acl_development)
install(EXPORT clformer-acl-targets NAMESPACE clformer::
    DESTINATION "${package_dir}" COMPONENT acl_development)
foreach(folder acl aclnn aclnnop)
    # Not beside other headers: their folders' names are CANN's.
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/${folder}"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/clformer-acl" COMPONENT acl_development
        FILES_MATCHING PATTERN "*.h")
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/cmake/clformer_acl.pc.in"
    "${PROJECT_BINARY_DIR}/generated/clformer_acl.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/clformer_acl.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT acl_development)

# ---- The layout of CANN's prefix ----

# The libraries that projects for CANN link by full path; all of them are the one real library. As links
# they work for the linker, find_library, dlopen and programs that were linked with CANN's.
set(ascend_names ascendcl nnopbase opapi opapi_nn opapi_transformer)

install(TARGETS clformer clformer_acl
    LIBRARY DESTINATION lib64 COMPONENT ascend EXCLUDE_FROM_ALL NAMELINK_SKIP)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/generated/ascend")
foreach(name ${ascend_names})
    set(link "${PROJECT_BINARY_DIR}/generated/ascend/lib${name}.so")
    file(CREATE_LINK "libclformer_acl.so.${PROJECT_VERSION_MAJOR}" "${link}" SYMBOLIC)
    install(FILES "${link}" DESTINATION lib64 COMPONENT ascend EXCLUDE_FROM_ALL)
endforeach()
foreach(folder acl aclnn aclnnop)
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/${folder}"
        DESTINATION include COMPONENT ascend EXCLUDE_FROM_ALL FILES_MATCHING PATTERN "*.h")
endforeach()
install(PROGRAMS "${PROJECT_SOURCE_DIR}/cmake/set_env.sh" DESTINATION .
    COMPONENT ascend EXCLUDE_FROM_ALL)
