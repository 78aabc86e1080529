#ifndef SHOAL_CDISK_H
#define SHOAL_CDISK_H

#include <stdint.h>

/// Gives the blocks of [offset, offset + length) of a file back to the file system; the bytes read as zeros afterwards
/// and the file keeps its size. Both are multiples of the file system's block size.
///
/// Returns 0, or `errno`: EOPNOTSUPP where the file system cannot.
///
/// In C, because glibc declares fallocate(2) only to GNU sources, which Swift's module of it is not.
int cdisk_punch_hole(int descriptor, int64_t offset, int64_t length);

#endif
