/* A disk that tests can make wait or fail: preloaded into the gateway. While $TOLLGATE_TEST_DISK/hold
   exists, fdatasync does not return; while $TOLLGATE_TEST_DISK/fail exists, it fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int there(const char *name) {
    char path[4096];
    struct stat found;
    const char *folder = getenv("TOLLGATE_TEST_DISK");
    if (folder == NULL) return 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &found) == 0;
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    while (there("hold")) usleep(1000);
    if (there("fail")) {
        errno = EIO;
        return -1;
    }
    return real(file);
}
