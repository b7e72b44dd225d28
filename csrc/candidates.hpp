// Where a known pointer may be, frame by frame.
#pragma once

#include <cstdint>
#include <vector>

#include "blobs.hpp"
#include "glyph_search.hpp"
#include "sparse_video.hpp"

namespace narratrace {

/// A place where a pointer may be.
struct Candidate {
    float x, y;        ///< hot spot, pixel centre
    float fit;         ///< see Glyph::fit()
    float similarity;  ///< see Glyph::similarity()
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
    float good_fit = 0.8f; ///< a blob that a glyph fits as well as this, and the plate less well, is not held
                           ///< against the following ones
};

/// Candidates of a range of frames: those of its i-th frame are candidates[first[i] .. last[i]).
struct CandidateList {
    std::vector<Candidate> candidates;
    std::vector<std::uint32_t> first, last;
};

/// What a search for the first few of some glyphs has found, by blob.
struct FirstSearch {
    std::vector<Candidate> candidates;
    std::size_t glyphs = 0;
};

/// Looks for the glyphs at the blobs found in the frames of `segment` from `begin` on, with at most `threads` threads;
/// the result depends neither on how many, nor on whether the first glyphs were searched before.
CandidateList find_candidates(const Segment& segment, int begin, const Picture& plate, const BlobList& blobs,
                              const std::vector<Glyph>& glyphs, CandidateOptions options, int threads = 1,
                              const FirstSearch& before = {});

/// Up to `most` places of a window that look like the glyph, by similarity alone, on the screens of `frames`
/// (ascending): where a pointer stands before a moving picture there is no clean plate to differ from. `blob` is -1,
/// `fit` the similarity.
CandidateList find_on_screen(const Segment& segment, const std::vector<std::int32_t>& frames, const Glyph& glyph,
                             const Rect& window, int tolerance, int most);

}  // namespace narratrace
