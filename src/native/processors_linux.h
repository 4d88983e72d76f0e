/* processors_linux.h: the part of processors_linux.c that its test calls directly. */
#ifndef PTI_PROCESSORS_LINUX_H
#define PTI_PROCESSORS_LINUX_H

/* Processors' worth of time that cgroups allow, rounded up; 0 when they set no limit.
   membership  /proc/self/cgroup, or a file like it
   mount       where cgroups are mounted: /sys/fs/cgroup */
unsigned pti_cgroup_processors(const char *membership, const char *mount);

#endif
