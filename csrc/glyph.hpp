// A learned pointer picture, and how much the screen looks like it at a place.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "glyph_lines.hpp"
#include "glyph_pixel.hpp"
#include "glyph_rows.hpp"
#include "patch.hpp"

namespace narratrace {

/// A pixel that is looked at on its own; `chroma` is 255 where its chroma counts twice, else 0.
struct GlyphProbe {
    GlyphPixel pixel;
    std::uint8_t chroma;
};

/// How many of a glyph's rows are looked at.
enum class Detail { rough, close };

/// A pointer's look. The box bounds its opaque and shape pixels relative to the hot spot, half-open.
///
/// Pixels lie in rows of one rectangle, weightless where the glyph says nothing, so that a row is compared in a few
/// vector steps. Chroma is that of 2 x 2 pixels: on strokes thinner than that it is half the background's, and counts
/// half.
class Glyph {
public:
    /// With `lines`, what is thin is looked for by its lines.
    explicit Glyph(const std::vector<GlyphPixel>& pixels, bool lines = true);

    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
    /// Pixels, at most 2, by which it may be off in both axes and still look much like itself: not even one for the
    /// thin lines of crosses and I-beams.
    int reach() const { return reach_; }
    /// Whether it is made of such lines: most of its box is not its own.
    bool thin() const { return reach_ == 0 && 3 * own_ < (x1 - x0) * (y1 - y0); }

    /// The rectangle of all pixels, those outside the pointer included.
    const Rect& bounds() const { return bounds_; }
    /// Whether its lines are what is looked for, see Note [Thin lines].
    bool is_lines() const { return !lines_.empty(); }
    /// A few opaque pixels, evenly spread: enough to tell most places from the pointer.
    const std::vector<GlyphProbe>& probes() const { return probes_; }

    /// Share of the visible opaque weight whose colour is found at a hot spot of (x, y), 0..1. Similarity falls
    /// linearly with contrast and ends at `tolerance`. 0 when less than a third of it is in the patch. Where is_lines(),
    /// the mean of that, no more than of its lines stands out, and of what does.
    float similarity(const Patch& screen, int x, int y, int tolerance, Detail detail = Detail::close) const;

    /// How well the glyph at (x, y) explains a screen whose differences from a plate are marked, at most 1: opaque
    /// pixels count by similarity, shape pixels when they differ, outside pixels against it when they differ.
    /// Where is_lines(), the share of its lines that stand out and differ.
    float fit(const Patch& screen, int x, int y, int tolerance, Detail detail = Detail::close) const;

    /// The window of hot spots with room for the glyph around it.
    Rect around(const Rect& window) const {
        return {window.x0 + bounds_.x0, window.y0 + bounds_.y0, window.x1 - 1 + bounds_.x1, window.y1 - 1 + bounds_.y1};
    }

private:
    struct Planes {
        std::vector<Byte> y, u, v, chroma, opaque, shape, outside;
    };
    struct Weight {
        std::int64_t opaque = 0, shape = 0;
    };
    bool is_broad_at(int dx, int dy) const;
    CommonRows common(const Patch& screen, int x, int y, Detail detail, bool marks) const;
    Weight visible(const CommonRows& common, Detail detail) const;
    int every(Detail detail) const { return detail == Detail::rough ? rough_ : close_; }
    const Weight& weight(Detail detail) const { return weight_[static_cast<std::size_t>(detail)]; }

    Rect bounds_;
    int stride_ = 0, rough_ = 1, close_ = 1; // every how many rows
    int reach_ = 0, own_ = 0; // own_: pixels that are opaque or shape
    Planes planes_;
    GlyphLines lines_; // of what is thin, else empty
    std::array<Weight, 2> weight_; // of the rows that are looked at, by detail
    std::vector<GlyphProbe> probes_;
};

}  // namespace narratrace
