// One pixel of a learned pointer.
#pragma once

#include <cstdint>

namespace narratrace {

/// What a pixel of a pointer's neighbourhood says.
enum class GlyphRole : std::uint8_t {
    opaque = 0,  ///< it shows the pointer's own colour
    shape = 1,   ///< it differs from the background, in no steady colour (halo, shadow, blurred rim)
    outside = 2, ///< just beside the pointer: it shows the background
};

/// One pixel of a pointer or beside it, relative to its hot spot.
struct GlyphPixel {
    std::int16_t dx, dy;
    std::uint8_t y, u, v;  ///< colour, for opaque pixels
    std::uint8_t weight;   ///< how sure it is, 1..255
    std::uint8_t role;     ///< a GlyphRole
};

inline bool is(const GlyphPixel& p, GlyphRole role) { return p.role == static_cast<std::uint8_t>(role); }

}  // namespace narratrace
