/* pt_sim_memory.h: has a program's calls of memcpy() and its kin seen by the simulator. The build includes it first of all in
   what is instrumented; nobody else does. */
#ifndef PT_SIM_MEMORY_H
#define PT_SIM_MEMORY_H

#ifdef __cplusplus
#define PTI_SIM_NOTHROW noexcept
extern "C" {
#else
#define PTI_SIM_NOTHROW
#endif

void *memcpy(void *to, const void *from, __SIZE_TYPE__ size) PTI_SIM_NOTHROW __asm__("__tsan_memcpy");
void *memmove(void *to, const void *from, __SIZE_TYPE__ size) PTI_SIM_NOTHROW __asm__("__tsan_memmove");
void *memset(void *to, int value, __SIZE_TYPE__ size) PTI_SIM_NOTHROW __asm__("__tsan_memset");

#ifdef __cplusplus
}
#endif
#undef PTI_SIM_NOTHROW

#endif
