// Calls that Swift's Glibc module lacks, or that C declares variadic or as a
// macro: each wrapper has the name, arguments and result of the call itself
// with csys_ in front, -1 and errno on failure.
#ifndef CSYS_H
#define CSYS_H
// Without _GNU_SOURCE, under which C's own types look different from those of
// Swift's Glibc module: what it would declare is named here, as Linux has it.
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <signal.h>
#include <spawn.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif
#ifndef F_NOTIFY
#define F_NOTIFY 1026
#define DN_CREATE 0x00000004
#define DN_ATTRIB 0x00000020
#define DN_MULTISHOT 0x80000000
#endif
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

// glibc has these; its headers show them under _GNU_SOURCE only.
extern int pipe2(int ends[2], int flags);
extern void *memmem(const void *in, size_t length, const void *what, size_t count);
extern int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd);

static inline int csys_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

// OFD locks, see fcntl(2). Whole file, exclusive.
static inline int csys_ofd_lock(int fd, int wait) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &l);
}
// 1: somebody holds it, 0: free, -1: errno.
static inline int csys_ofd_held(int fd) {
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &l) == -1) return -1;
    return l.l_type != F_UNLCK;
}
// A close-on-exec descriptor that tells of the signals in `set`, see signalfd(2).
static inline int csys_signalfd(const sigset_t *set) { return signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK); }
// The next signal it tells of: its number, 0 if there is none.
static inline int csys_next_signal(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}
// Without O_NONBLOCK; the flags of its other end stay.
static inline int csys_blocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK); }
static inline int csys_nonblocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }
static inline int csys_syncfs(int fd) { return (int)syscall(SYS_syncfs, fd); }
static inline int csys_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
static inline int csys_memfd(const char *name) { return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC); }
static inline int csys_set_subreaper(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
static inline int csys_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0); }
// The hard limit RLIMIT_RTTIME of this process, see getrlimit(2): all ones is none.
static inline unsigned long long csys_rttime(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_RTTIME, &limit) ? ~0ULL : limit.rlim_max;
}
static inline int csys_set_rttime(unsigned long long microseconds) {
    struct rlimit limit = {.rlim_cur = microseconds, .rlim_max = microseconds};
    return setrlimit(RLIMIT_RTTIME, &limit);
}
static inline int csys_getrlimit(int resource, struct rlimit *limit) { return getrlimit(resource, limit); }
static inline int csys_setrlimit(int resource, const struct rlimit *limit) { return setrlimit(resource, limit); }
// F_NOTIFY, see fcntl(2): SIGIO whenever names or times of files in this directory change.
static inline int csys_notify(int fd) { return fcntl(fd, F_NOTIFY, DN_CREATE | DN_ATTRIB | DN_MULTISHOT); }
extern char **environ;
static inline char **csys_environ(void) { return environ; }
#endif
