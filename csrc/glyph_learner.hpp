// Learning how a pointer looks from places where it passed over known background.
//
// Note [Learning a glyph]
// ~~~~~~~~~~~~~~~~~~~~~~~
// Each sample is a blob: a place and frame where the screen differs from the clean plate. Samples are
// aligned to the most complete one (pointers lose pixels where the background happens to have their
// colour), then each pixel votes. Pixels that keep their colour over changing backgrounds are the pointer's
// own; pixels that differ from the plate but follow the background belong to a translucent halo: they are
// part of its shape (which tells where the hot spot is) but are not matched by colour.
#pragma once

#include <cstdint>
#include <vector>

#include "glyph.hpp"
#include "sparse_video.hpp"

namespace narratrace {

/// Where a pointer is believed to be: a frame and the box of its blob.
struct GlyphSample {
    std::int32_t frame;
    std::int32_t x0, y0, x1, y1;
};

/// A square cut from the screen around a sample, and where it differs from the plate within the sample's box.
struct GlyphCutout {
    struct Color {
        std::uint8_t y, u, v;
    };
    int side = 0, x = 0, y = 0; ///< its first pixel's position on the screen
    int bx0 = 0, by0 = 0, bx1 = 0, by1 = 0; ///< the sample's box, counted from there
    Rect real;                              ///< the part that is on the screen, counted likewise
    std::vector<Color> color;
    std::vector<std::uint8_t> apart; ///< contrast to the plate where it differs, 0 elsewhere
    int area = 0; ///< pixels that differ

    bool inside(int px, int py) const { return px >= real.x0 && py >= real.y0 && px < real.x1 && py < real.y1; }
    std::size_t index(int px, int py) const { return static_cast<std::size_t>(py) * side + px; }
};

struct LearnOptions {
    int threshold = 28;       ///< contrast above which a pixel differs from the plate
    int tolerance = 48;       ///< see Glyph::similarity()
    int steady = 24;          ///< contrast to the median colour up to which a pixel keeps its colour
    double min_steady = 0.7;  ///< share of samples in which an opaque pixel keeps its colour
    double min_differs = 0.3; ///< share of samples in which a pixel of the pointer differs from the plate
    double min_similarity = 0.6; ///< samples less similar than this to the result are left out
    int margin = 8;           ///< pixels around the largest blob
};

/// A learned glyph, still in the frame of its reference sample.
struct LearnedGlyph {
    int width = 0, height = 0;           ///< size of the maps below
    std::vector<std::uint8_t> color;     ///< median colour, height x width x 3 (Y, U, V)
    std::vector<float> differs;          ///< share of samples that differ from the plate
    std::vector<float> steady;           ///< share of samples that keep the median colour
    std::vector<float> apart;            ///< mean contrast to the plate of the samples that differ, in levels
    std::vector<std::uint8_t> opaque;    ///< 1 where the colour is the pointer's own
    std::vector<float> similarity;       ///< per sample; negative when it was left out
    std::vector<std::int32_t> x, y;      ///< per sample: screen position of the maps' origin
};

/// Cuts squares of one size around `samples` (frames ascending) of a segment over a clean plate.
std::vector<GlyphCutout> cut_out(const Segment& segment, const Picture& plate, const std::vector<GlyphSample>& samples,
                                 const LearnOptions& options);

/// Learns from cutouts, which may be of several segments. Returns empty maps (width 0) when fewer than three agree.
LearnedGlyph learn_glyph(const std::vector<GlyphCutout>& cutouts, const LearnOptions& options);

}  // namespace narratrace
