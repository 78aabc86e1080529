#ifndef SHOAL_BORDER_H
#define SHOAL_BORDER_H

#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

namespace shoal {

/// A copy that C code frees with `cdc_free`.
inline char *copied(const std::string &text) noexcept {
    auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
    if (copy)
        std::memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

/// Runs `body`; an exception becomes the text that the function at the border returns.
template <typename Body> char *guarded(Body body) noexcept {
    try {
        body();
        return nullptr;
    } catch (const std::exception &error) {
        return copied(error.what());
    } catch (...) {
        return copied("libdatachannel threw something that is no exception");
    }
}

} // namespace shoal

#endif
