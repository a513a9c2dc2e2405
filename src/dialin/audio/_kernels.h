/* What the compiled kernels share: modules, exports, wide-vector twins, denormal numbers. */
#ifndef DIALIN_KERNELS_H
#define DIALIN_KERNELS_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <math.h>
#include <string.h>

#if defined(_MSC_VER)
#define EXPORT __declspec(dllexport)
#define INLINE __forceinline
#else
#define EXPORT __attribute__((visibility("default")))
#define INLINE inline __attribute__((always_inline))
#endif

/* An importable extension module with nothing in it: its loops are called through ctypes. */
#define MODULE(name)                                                                       \
    static struct PyModuleDef module = {                                                   \
        PyModuleDef_HEAD_INIT, #name, "Compiled loops, called through ctypes.", -1, NULL,  \
        NULL, NULL, NULL, NULL,                                                            \
    };                                                                                     \
    PyMODINIT_FUNC PyInit_##name(void)                                                     \
    {                                                                                      \
        return PyModule_Create(&module);                                                   \
    }

/* Where the compiler can, build wide-vector twins and let the loader pick one. */
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__linux__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif

/* The passes of a loop do not touch each other's memory, whatever the pointers say. */
#if defined(__GNUC__) && !defined(__clang__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* Filters fed with silence decay into denormal numbers, which are a hundred times slower. */
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#define FLUSH_DENORMALS unsigned int saved_csr = _mm_getcsr(); _mm_setcsr(saved_csr | 0x8040)
#define RESTORE_DENORMALS _mm_setcsr(saved_csr)
#else
#define FLUSH_DENORMALS
#define RESTORE_DENORMALS
#endif

#endif
