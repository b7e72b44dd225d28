#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

int differing_outside(const Plane& a, const Plane& b, int x0, int y0, int x1, int y1) {
    int count = 0;
    for (int y = 0; y < a.height(); ++y)
        for (int x = 0; x < a.width(); ++x)
            if (x < x0 || y < y0 || x >= x1 || y >= y1) count += a.row(y)[x] != b.row(y)[x];
    return count;
}

}  // namespace

TEST(grid_covers_every_pixel_once) {
    Random random(1);
    for (const auto& [w, h] : sizes(random, 30)) {
        const TileGrid grid{w, h};
        std::vector<int> seen(static_cast<std::size_t>(w) * static_cast<std::size_t>(h));
        for (int tile = 0; tile < grid.count(); ++tile)
            for (int y = grid.y0(tile); y < grid.y1(tile); ++y)
                for (int x = grid.x0(tile); x < grid.x1(tile); ++x)
                    ++seen[static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x)];
        for (const int times : seen) CHECK_EQUAL(times, 1);
    }
}

TEST(tiles_rebuild_a_picture_of_any_size) {
    Random random(2);
    for (const auto& [w, h] : sizes(random, 30)) {
        const Picture source = random_picture(random, w, h);
        const TightPicture tight(source, pick(random, 0, 7));
        const TileGrid grid{w, h};
        Picture copied(w, h), stored(w, h);
        for (int tile = 0; tile < grid.count(); ++tile) {
            copy_tile(tight.view(), grid, tile, copied);
            Block block{};
            load_block(tight.view(), grid, tile, block);
            store_block(block, grid, tile, stored);
        }
        CHECK(same_pixels(copied, source));
        CHECK(same_pixels(stored, source));
    }
}

TEST(a_tile_changes_nothing_beside_it) {
    Random random(3);
    for (const auto& [w, h] : sizes(random, 30)) {
        const Picture before = flat_picture(w, h, 1, 1, 1), source = flat_picture(w, h, 2, 2, 2);
        const TileGrid grid{w, h};
        const int tile = pick(random, 0, grid.count() - 1);
        Picture after = before;
        copy_tile(source.view(), grid, tile, after);
        const int x0 = grid.x0(tile), y0 = grid.y0(tile), x1 = grid.x1(tile), y1 = grid.y1(tile);
        CHECK_EQUAL(differing_outside(before.y, after.y, x0, y0, x1, y1), 0);
        CHECK_EQUAL(differing_outside(before.u, after.u, x0 / 2, y0 / 2, (x1 + 1) / 2, (y1 + 1) / 2), 0);
        CHECK_EQUAL(int(after.y.row(y1 - 1)[x1 - 1]), 2);
        CHECK_EQUAL(int(after.v.row((y1 - 1) / 2)[(x1 - 1) / 2]), 2);
    }
}

TEST(assign_takes_padded_rows) {
    Random random(4);
    const Picture source = random_picture(random, 37, 21);
    Picture target(37, 21);
    target.assign(TightPicture(source, 11).view());
    CHECK(same_pixels(target, source));
}
