/* What was built. */
#include <clformer/version.h>

#define TEXT_OF(value) #value
#define TEXT(value)    TEXT_OF(value)
#define VERSION_TEXT   TEXT(CLF_VERSION_MAJOR) "." TEXT(CLF_VERSION_MINOR) "." TEXT(CLF_VERSION_PATCH)

#ifndef CLFORMER_SOURCE_COMMIT
#define CLFORMER_SOURCE_COMMIT "unknown"
#endif
#ifndef CLFORMER_BUILD_TYPE
#define CLFORMER_BUILD_TYPE "unknown"
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown"
#endif

const char *clf_version(void) {
    return VERSION_TEXT;
}

const char *clf_build_info(void) {
    return "clformer " VERSION_TEXT ", commit " CLFORMER_SOURCE_COMMIT ", " COMPILER
           ", build type " CLFORMER_BUILD_TYPE;
}
