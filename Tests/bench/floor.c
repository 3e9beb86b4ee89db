/*
 * What a program costs that does no more than a verb must: it starts, and makes the file operations that its arguments
 * name, one after the other. A group writes them beside the row, so that it can be seen what a floor leaves out.
 *
 *   input          read standard input
 *   read F         read a file; it may be missing
 *   stat F         look at its times
 *   list D         read the names in a directory
 *   scan D F       read the file F of each directory in D, and print the end of its first line
 *   parents        read what /proc tells of each process above this one
 *   lock F         lock it until the end
 *   write F N      N bytes beside F, renamed to F
 *   save F N       the same, both flushed to the disk: file and directory
 *   sync F         flush a file or a directory to the disk
 *   append F N     N bytes at the end of F
 *   move A B       rename
 *   first D E      rename the first entry of D that is still there to E, and print its name
 *
 * It ends with 1 where one of them can't be done.
 */
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[1 << 16];

static int fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_all(int fd) {
    while (read(fd, buffer, sizeof buffer) > 0) {}
}

static void read_file(const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    fstat(fd, &st);
    read_all(fd);
    close(fd);
}

static void read_parents(void) {
    for (int pid = getppid(); pid > 0;) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%*d (%*[^)]) %*c %d", &pid) != 1) pid = 0;
        if (file) fclose(file);
    }
}

/* In the order of the directory, without those that begin with a dot. */
static struct dirent *next(DIR *dir) {
    struct dirent *entry;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.') {}
    return entry;
}

static DIR *open_directory(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) fail(path);
    return dir;
}

static void scan(const char *path, const char *name) {
    char file[PATH_MAX];
    struct dirent *entry;
    DIR *dir = open_directory(path);
    while ((entry = next(dir))) {
        snprintf(file, sizeof file, "%s/%s", entry->d_name, name);
        int fd = openat(dirfd(dir), file, O_RDONLY | O_CLOEXEC);
        if (fd < 0) continue;
        ssize_t n = read(fd, buffer, sizeof buffer - 1);
        close(fd);
        buffer[n < 0 ? 0 : n] = 0;
        printf("%s\t%.*s\n", entry->d_name, (int)strcspn(buffer, "\n"), buffer);
    }
    closedir(dir);
}

static void sync_path(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) fail(path);
    close(fd);
}

static void write_file(const char *path, size_t n, int durable) {
    char beside[PATH_MAX];
    snprintf(beside, sizeof beside, "%s.%d", path, getpid());
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, buffer, n) != (ssize_t)n || (durable && fsync(fd))) fail(beside);
    close(fd);
    if (rename(beside, path)) fail(path);
    snprintf(beside, sizeof beside, "%s", path);
    if (durable) sync_path(dirname(beside));
}

static void append(const char *path, size_t n) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, buffer, n) != (ssize_t)n) fail(path);
    close(fd);
}

static void first(const char *from, const char *to) {
    char file[PATH_MAX];
    struct dirent *entry;
    DIR *dir = open_directory(from);
    while ((entry = next(dir))) {
        snprintf(file, sizeof file, "%s/%s", to, entry->d_name);
        if (renameat(dirfd(dir), entry->d_name, AT_FDCWD, file)) continue;
        puts(entry->d_name);
        closedir(dir);
        return;
    }
    fail(from);
}

int main(int argc, char **argv) {
    struct stat st;
    for (char **word = argv + 1; *word; word++) {
        const char *step = *word;
        if (!strcmp(step, "input") || !strcmp(step, "parents")) {
            if (*step == 'i') read_all(0);
            else read_parents();
            continue;
        }
        if (!*++word) return fprintf(stderr, "floor: %s of what?\n", step), 64;
        const char *path = *word;
        if (!strcmp(step, "read")) read_file(path);
        else if (!strcmp(step, "stat")) stat(path, &st);
        else if (!strcmp(step, "sync")) sync_path(path);
        else if (!strcmp(step, "lock")) {
            int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            if (fd < 0 || flock(fd, LOCK_EX)) fail(path);
        } else if (!strcmp(step, "list")) {
            DIR *dir = open_directory(path);
            while (next(dir)) {}
            closedir(dir);
        } else {
            if (!*++word) return fprintf(stderr, "floor: %s: a word is missing\n", step), 64;
            if (!strcmp(step, "scan")) scan(path, *word);
            else if (!strcmp(step, "write")) write_file(path, (size_t)atol(*word), 0);
            else if (!strcmp(step, "save")) write_file(path, (size_t)atol(*word), 1);
            else if (!strcmp(step, "append")) append(path, (size_t)atol(*word));
            else if (!strcmp(step, "first")) first(path, *word);
            else if (!strcmp(step, "move")) {
                if (rename(path, *word)) fail(path);
            } else return fprintf(stderr, "floor: no step '%s'\n", step), 64;
        }
    }
    return argc < 2;
}
