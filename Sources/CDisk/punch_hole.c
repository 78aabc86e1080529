#define _GNU_SOURCE
#include "CDisk.h"

#include <errno.h>
#include <fcntl.h>

int cdisk_punch_hole(int descriptor, int64_t offset, int64_t length) {
    int result;
    do {
#ifdef __APPLE__
        struct fpunchhole hole = {.fp_offset = offset, .fp_length = length};
        result = fcntl(descriptor, F_PUNCHHOLE, &hole);
#else
        result = fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
#endif
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}
