/* A disk that fails when it is told to, and remembers what was written to it: preloaded before the C library.

   Concerned are files of one folder (DISK_FOLDER) whose name begins with x.db, without the shared memory. What is
   written to a file called `acks` there is remembered as said by the program.

   disk_arm(1, n, error, forever)  let the n-th write from now fail, and all after it if `forever`
   disk_arm(2, n, error, forever)  the same for the n-th fsync
   disk_hits()                     how many have failed since
   DISK_LOG=FILE                   remember: a byte for what it was, one for the file, 8 for the place, 8 for the
                                   length, and the bytes; the first byte is N (a name), W, T, S, U or A              */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 4096, NAMES = 32, WRITE = 1, SYNC = 2 };
static unsigned char name_of[FILES]; /* 0: not concerned */
static char names[NAMES][64];
static int log_file = -1, armed, armed_error, armed_forever;
static long left, hits;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void *next(const char *symbol) { return dlsym(RTLD_NEXT, symbol); }

static void put(const void *data, size_t size) {
    const char *at = data;
    while (size) {
        long n = syscall(SYS_write, log_file, at, size);
        if (n <= 0) _exit(99);
        at += n;
        size -= (size_t)n;
    }
}

static void note(char what, unsigned char name, uint64_t place, const void *data, uint64_t size) {
    if (log_file < 0) return;
    pthread_mutex_lock(&one_at_a_time);
    put(&what, 1);
    put(&name, 1);
    put(&place, 8);
    put(&size, 8);
    put(data, data ? size : 0);
    pthread_mutex_unlock(&one_at_a_time);
}

static unsigned char number_of(const char *path) {
    const char *folder = getenv("DISK_FOLDER"), *base = strrchr(path, '/');
    if (!folder || !base || strncmp(path, folder, strlen(folder))) return 0;
    base++;
    if ((strncmp(base, "x.db", 4) || strstr(base, "-shm")) && strcmp(base, "acks")) return 0;
    for (unsigned char i = 1; i < NAMES; i++) {
        if (!names[i][0]) {
            strncpy(names[i], base, 63);
            if (log_file < 0 && getenv("DISK_LOG"))
                log_file = (int)syscall(SYS_openat, AT_FDCWD, getenv("DISK_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
            note('N', i, 0, base, strlen(base));
        }
        if (!strcmp(names[i], base)) return i;
    }
    return 0;
}

static int concerned(int fd) { return fd >= 0 && fd < FILES ? name_of[fd] : 0; }

static int fails(int what, int fd) {
    if (armed != what || !strcmp(names[concerned(fd)], "acks") || --left > 0) return 0;
    if (left < 0 && !armed_forever) return 0;
    hits++;
    errno = armed_error;
    return 1;
}

void disk_arm(int what, long at, int error, int forever) {
    armed = what, left = at, armed_error = error, armed_forever = forever, hits = 0;
}
long disk_hits(void) { return hits; }

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FILES) name_of[fd] = number_of(path);
    return fd;
}

#define OPEN(symbol)                                                              \
    int symbol(const char *path, int flags, ...) {                                \
        va_list rest;                                                             \
        va_start(rest, flags);                                                    \
        int mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0;       \
        va_end(rest);                                                             \
        int (*real)(const char *, int, ...) = next(#symbol);                      \
        return opened(real(path, flags, mode), path);                             \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    int (*real)(int) = next("close");
    if (fd >= 0 && fd < FILES) name_of[fd] = 0;
    return real(fd);
}

#define PWRITE(symbol, offset_type)                                               \
    ssize_t symbol(int fd, const void *data, size_t size, offset_type place) {    \
        ssize_t (*real)(int, const void *, size_t, offset_type) = next(#symbol);  \
        if (!concerned(fd)) return real(fd, data, size, place);                   \
        if (fails(WRITE, fd)) return -1;                                          \
        ssize_t n = real(fd, data, size, place);                                  \
        if (n > 0) note('W', name_of[fd], (uint64_t)place, data, (uint64_t)n);    \
        return n;                                                                 \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = next("write");
    ssize_t n = real(fd, data, size);
    if (n > 0 && concerned(fd)) note('A', name_of[fd], 0, data, (uint64_t)n);
    return n;
}

#define TRUNCATE(symbol, offset_type)                                             \
    int symbol(int fd, offset_type size) {                                        \
        int (*real)(int, offset_type) = next(#symbol);                            \
        if (concerned(fd) && fails(WRITE, fd)) return -1;                         \
        int r = real(fd, size);                                                   \
        if (!r && concerned(fd)) note('T', name_of[fd], (uint64_t)size, 0, 0);    \
        return r;                                                                 \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNCING(symbol)                                                           \
    int symbol(int fd) {                                                          \
        int (*real)(int) = next(#symbol);                                         \
        if (concerned(fd) && fails(SYNC, fd)) return -1;                          \
        int r = real(fd);                                                         \
        if (!r && concerned(fd)) note('S', name_of[fd], 0, 0, 0);                 \
        return r;                                                                 \
    }
SYNCING(fsync)
SYNCING(fdatasync)

int unlink(const char *path) {
    int (*real)(const char *) = next("unlink");
    unsigned char name = number_of(path);
    int r = real(path);
    if (!r && name) note('U', name, 0, 0, 0);
    return r;
}
