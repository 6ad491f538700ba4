/* Version of the headers a program was compiled with, and of the library it runs with. */
#ifndef CLFORMER_VERSION_H
#define CLFORMER_VERSION_H

#include <clformer/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Semantic versioning. CMakeLists.txt reads the version from these three lines. */
#define CLF_VERSION_MAJOR 0
#define CLF_VERSION_MINOR 1
#define CLF_VERSION_PATCH 0

/* The library's version as "major.minor.patch". Static storage; any thread. */
CLF_API const char *clf_version(void);

/* One line for bug reports: version, source commit, compiler, build type. Static storage; any
 * thread. */
CLF_API const char *clf_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
