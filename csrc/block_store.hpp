// Blocks that never move.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "planes.hpp"

namespace narratrace {

/// A growing list of blocks in pieces of about 400 KB: a vector would move up to 100 MB whenever it is full, and
/// need half as much again meanwhile.
class BlockStore {
public:
    std::size_t size() const { return size_; }
    const Block& operator[](std::size_t i) const { return pieces_[i / kPiece][i % kPiece]; }
    Block& operator[](std::size_t i) { return pieces_[i / kPiece][i % kPiece]; }

    Block& emplace_back() {
        if (size_ % kPiece == 0) pieces_.push_back(std::make_unique<Block[]>(kPiece));
        const std::size_t i = size_++;
        return pieces_[i / kPiece][i % kPiece];
    }

    void append(const Block* blocks, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) emplace_back() = blocks[i];
    }

private:
    static constexpr std::size_t kPiece = 1024;

    std::vector<std::unique_ptr<Block[]>> pieces_;
    std::size_t size_ = 0;
};

}  // namespace narratrace
