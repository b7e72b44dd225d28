// Finding a learned pointer picture on the screen.
#pragma once

#include <cstdint>
#include <vector>

#include "blobs.hpp"
#include "sparse_video.hpp"

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

/// A pointer's look. The box bounds its opaque and shape pixels relative to the hot spot, half-open.
struct Glyph {
    std::vector<GlyphPixel> opaque; ///< thinned out when there are very many
    std::vector<GlyphPixel> probes; ///< a few pixels of all roles, evenly spread: enough to find where to look closer
    std::vector<GlyphPixel> all;    ///< pixels of all roles, thinned out
    int x0 = 0, y0 = 0, x1 = 0, y1 = 0;

    explicit Glyph(const std::vector<GlyphPixel>& pixels);
};

/// Share of the glyph's visible opaque weight whose colour is found at a hot spot of (x, y), 0..1. Similarity
/// falls linearly with contrast and ends at `tolerance`. 0 when less than a third of it is on the screen.
float glyph_similarity(const PictureView& screen, const Glyph& glyph, int x, int y, int tolerance);

/// How well the glyph at (x, y) explains the screen in front of a plate, at most 1: opaque pixels count by
/// similarity, shape pixels when they differ from the plate, outside pixels against it when they differ.
float glyph_fit(const PictureView& screen, const PictureView& plate, const Glyph& glyph, int x, int y, int tolerance,
                int threshold);

struct Match {
    int x = 0, y = 0;
    float similarity = 0;
};

/// Best hot spot by similarity in [x0, x1) x [y0, y1): a coarse search with few pixels, then a close one around
/// the best places. The earliest in row-major order among equals.
Match find_glyph(const PictureView& screen, const Glyph& glyph, int x0, int y0, int x1, int y1, int tolerance);

/// Best hot spot by fit in [x0, x1) x [y0, y1), searched the same way.
Match fit_glyph(const PictureView& screen, const PictureView& plate, const Glyph& glyph, int x0, int y0, int x1, int y1,
                int tolerance, int threshold);

/// A place where a pointer may be.
struct Candidate {
    float x, y;        ///< hot spot, pixel centre
    float fit;         ///< see glyph_fit()
    float similarity;  ///< see glyph_similarity()
    float background;  ///< similarity of the clean plate to the glyph there
    std::int32_t glyph;
    std::int32_t blob; ///< index in BlobList::blobs, -1 for candidates found without one
};

struct CandidateOptions {
    int tolerance = 48;  ///< contrast at which a pixel no longer resembles the glyph's
    int threshold = 28;  ///< contrast to the plate above which a pixel differs
    int margin = 3;      ///< pixels searched beyond the blob
    int max_blobs = 6;   ///< heaviest blobs of a frame that are looked at
    int max_size = 220;  ///< blobs larger than this, in pixels, are not looked at
    float good_fit = 0.8f; ///< a blob that a glyph fits as well as this is not held against the following ones
};

/// Candidates of a range of frames: those of its i-th frame are candidates[first[i] .. last[i]).
struct CandidateList {
    std::vector<Candidate> candidates;
    std::vector<std::uint32_t> first, last;
};

/// Looks for the glyphs at the blobs found in the frames of `segment` from `begin` on, with at most `threads` threads;
/// the result does not depend on how many.
CandidateList find_candidates(const Segment& segment, int begin, const Picture& plate, const BlobList& blobs,
                              const std::vector<Glyph>& glyphs, CandidateOptions options, int threads = 1);

/// The best `most` hot spots of a window by similarity, at least half the glyph's size apart, best first; places
/// that hardly resemble the glyph are left out.
std::vector<Match> find_places(const PictureView& screen, const Glyph& glyph, int x0, int y0, int x1, int y1,
                               int tolerance, int most);

/// Up to `most` places in the box [x0, x1) x [y0, y1) that look like the glyph, by
/// similarity alone, on the screens of `frames` (ascending): where a pointer stands before a moving picture
/// there is no clean plate to differ from. `blob` is -1, `fit` the similarity.
CandidateList find_on_screen(const Segment& segment, const std::vector<std::int32_t>& frames, const Glyph& glyph, int x0,
                             int y0, int x1, int y1, int tolerance, int most);

}  // namespace narratrace
