# The kernel files named by cl-kernels/manifest.def, checked against the folder, and the command that
# embeds them together with cl-kernels/lib and cl-kernels/tuned.

# Sets `out_paths` to the files to embed, relative to `root`. A .cl file that is named but missing, or
# present but not named, stops the configuration.
function(clformer_kernel_files root out_paths)
    file(STRINGS "${root}/manifest.def" lines REGEX "^CLF_KERNEL\\(")
    set(named "")
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^CLF_KERNEL\\([a-z0-9_]+, \"([a-z0-9_/]+\\.cl)\", [a-z0-9_]+, [A-Z0-9_]+\\)$")
            message(FATAL_ERROR "cl-kernels/manifest.def: not understood: ${line}")
        endif()
        list(APPEND named "${CMAKE_MATCH_1}")
    endforeach()
    list(REMOVE_DUPLICATES named)

    file(GLOB_RECURSE present CONFIGURE_DEPENDS RELATIVE "${root}" "${root}/*.cl")
    foreach(path IN LISTS named)
        if(NOT path IN_LIST present)
            message(FATAL_ERROR "cl-kernels/manifest.def names ${path}, which does not exist")
        endif()
    endforeach()
    foreach(path IN LISTS present)
        if(NOT path IN_LIST named)
            message(FATAL_ERROR "cl-kernels/${path} is not in cl-kernels/manifest.def")
        endif()
    endforeach()

    file(GLOB shared CONFIGURE_DEPENDS RELATIVE "${root}" "${root}/lib/*.clh" "${root}/tuned/*.json")
    set(${out_paths} ${named} ${shared} PARENT_SCOPE)
    # A change of the manifest changes the list.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${root}/manifest.def")
endfunction()

# Adds the rule that writes `output`, a C file, from the files.
function(clformer_embed_kernels root output)
    clformer_kernel_files("${root}" paths)
    list(TRANSFORM paths PREPEND "${root}/" OUTPUT_VARIABLE files)
    list(JOIN paths "\n" lines)
    set(list_file "${output}.list")
    file(CONFIGURE OUTPUT "${list_file}" CONTENT "${lines}\n" @ONLY)
    add_custom_command(
        OUTPUT "${output}"
        COMMAND "${CMAKE_COMMAND}" -D "ROOT=${root}" -D "LIST=${list_file}" -D "OUTPUT=${output}"
                -P "${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake"
        DEPENDS ${files} "${list_file}" "${PROJECT_SOURCE_DIR}/cmake/EmbedFiles.cmake"
        COMMENT "Embedding the kernels"
        VERBATIM)
endfunction()
