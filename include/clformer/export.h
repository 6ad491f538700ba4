/* Symbol visibility and compiler attributes used by every public header. */
#ifndef CLFORMER_EXPORT_H
#define CLFORMER_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define CLF_API __attribute__((visibility("default")))
/* A status that is ignored is a bug: the compiler says so. */
#define CLF_CHECK_RESULT __attribute__((warn_unused_result))
#else
#define CLF_API
#define CLF_CHECK_RESULT
#endif

#endif
