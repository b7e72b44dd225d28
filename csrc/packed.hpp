// Decoded pictures on their way through memory, as what differs from the picture before.
//
// Note [Packed pictures]
// ~~~~~~~~~~~~~~~~~~~~~~
// Stretches of a recording are decoded beside one another and looked at one after the other, so the pictures of the
// later ones have to wait: 250 of them are 350 MB at 720p. But H.264, VP9 and AV1 reproduce unchanged blocks exactly, and
// of a screen recording one to fifteen percent of the tiles differ from the picture before in a single bit. Those are
// kept. Nothing is lost, and whoever looks at the pictures in order need not look at the other tiles at all: what was
// said of them is still true.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "planes.hpp"

namespace narratrace {

/// The tiles of a picture that differ from the one before in any bit.
struct PackedPicture {
    TileGrid grid;
    std::vector<std::int32_t> tiles; ///< ascending
    std::vector<Block> blocks;       ///< their pixels

    std::size_t bytes() const { return blocks.size() * sizeof(Block) + tiles.size() * sizeof(std::int32_t); }
};

/// Packs a picture that follows `before`, which has the same size; all of its tiles if it follows none.
PackedPicture pack(const PictureView& picture, const std::optional<PictureView>& before);

/// What `earlier` and then `later` change, as one.
PackedPicture merged(const PackedPicture& earlier, const PackedPicture& later);

/// Makes of the picture before the one that was packed; `target` has its size.
void unpack(const PackedPicture& packed, const MutablePicture& target);

}  // namespace narratrace
