#pragma once

#include <stddef.h>
#include <stdint.h>

/// libFuzzer's way in for programs that have a `main` of their own (compiler-rt, `FuzzerInterface.h` has the other one).
/// Calls `run` with one input after the other; it returns 0 each time. Exits the process when something is found.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t size));
