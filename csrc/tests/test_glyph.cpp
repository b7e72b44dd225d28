#include "../glyph.hpp"
#include "../recorder.hpp"

#include "../candidates.hpp"
#include "../glyph_learner.hpp"
#include "../glyph_search.hpp"
#include "check.hpp"
#include "pictures.hpp"

using namespace narratrace;
using namespace narratrace::tests;

namespace {

// An arrow whose hot spot is its tip: black rim, white inside, as on most desktops.
std::vector<GlyphPixel> arrow() {
    std::vector<GlyphPixel> out;
    for (int y = 0; y < 19; ++y) {
        const int width = y < 13 ? y + 1 : 19 - y;
        for (int x = 0; x < width; ++x) {
            const bool rim = x == 0 || x == width - 1 || y == 18;
            const auto luma = static_cast<std::uint8_t>(rim ? 16 : 235);
            out.push_back({static_cast<std::int16_t>(x), static_cast<std::int16_t>(y), luma, 128, 128, 200, 0});
        }
    }
    return out;
}

void stamp(Picture& picture, const std::vector<GlyphPixel>& pixels, int x, int y) {
    for (const GlyphPixel& p : pixels) draw_rect(picture, x + p.dx, y + p.dy, x + p.dx + 1, y + p.dy + 1, p.y, p.u, p.v);
}

float similarity_at(const Picture& screen, const Glyph& glyph, int x, int y) {
    return glyph.similarity(Patch(screen.view(), glyph.around({x, y, x + 1, y + 1})), x, y, 48);
}

std::vector<GlyphPixel> random_glyph(Random& random) {
    std::vector<GlyphPixel> out{{0, 0, 16, 128, 128, 9, 0}};
    const int width = pick(random, 1, 40), height = pick(random, 1, 40), left = pick(random, -20, 3), top = pick(random, -20, 3);
    for (int y = top; y < top + height; ++y)
        for (int x = left; x < left + width; ++x)
            if ((x != 0 || y != 0) && pick(random, 0, 3))
                out.push_back({static_cast<std::int16_t>(x), static_cast<std::int16_t>(y),
                               static_cast<std::uint8_t>(pick(random, 0, 255)), static_cast<std::uint8_t>(pick(random, 0, 255)),
                               static_cast<std::uint8_t>(pick(random, 0, 255)), static_cast<std::uint8_t>(pick(random, 1, 255)),
                               static_cast<std::uint8_t>(pick(random, 0, 2))});
    return out;
}

double share(double found, double visible, double all, double tolerance) {
    return 3 * visible < all || visible == 0 ? 0.0 : found / (visible * tolerance);
}

// Similarity and fit, pixel by pixel as their descriptions say.
std::pair<double, double> scores(const Picture& screen, const Picture& plate, const std::vector<GlyphPixel>& pixels, int x,
                                 int y, int tolerance, int threshold) {
    double opaque = 0, opaque_all = 0, own = 0, own_all = 0, alike = 0, explained = 0;
    const PictureView s = screen.view(), p = plate.view();
    const auto around = [&](const GlyphPixel& g) {
        return std::count_if(pixels.begin(), pixels.end(), [&](const GlyphPixel& o) {
            return o.role != 2 && std::abs(o.dx - g.dx) <= 1 && std::abs(o.dy - g.dy) <= 1;
        });
    };
    for (const GlyphPixel& g : pixels) {
        const int px = x + g.dx, py = y + g.dy, cx = px / 2, cy = py / 2;
        const bool seen = px >= 0 && py >= 0 && px < screen.width() && py < screen.height();
        (g.role == 0 ? opaque_all : own_all) += g.role == 2 ? 0 : g.weight;
        if (!seen) continue;
        (g.role == 0 ? opaque : own) += g.role == 2 ? 0 : g.weight;
        const int chroma = std::max(std::abs(s.u.at(cx, cy) - g.u), std::abs(s.v.at(cx, cy) - g.v));
        const int to_glyph = std::max(std::abs(s.y.at(px, py) - g.y), around(g) >= 6 ? 2 * chroma : chroma);
        const int to_plate = pixel_contrast(s.y.at(px, py) - p.y.at(px, py), s.u.at(cx, cy) - p.u.at(cx, cy), s.v.at(cx, cy) - p.v.at(cx, cy));
        if (g.role == 0) alike += g.weight * std::max(0, tolerance - to_glyph);
        else if (to_plate > threshold) explained += (g.role == 1 ? g.weight : -g.weight) * tolerance;
    }
    return {share(alike, opaque, opaque_all, tolerance), share(alike + explained, opaque + own, opaque_all + own_all, tolerance)};
}

}  // namespace

TEST(a_glyph_is_found_where_it_stands) {
    Random random(70);
    const Glyph glyph(arrow());
    for (int round = 0; round < 40; ++round) {
        const Picture plate = textured_picture(random, 150, 110);
        Picture screen = plate;
        const int x = pick(random, 0, 130), y = pick(random, 0, 90);
        stamp(screen, arrow(), x, y);
        CHECK_EQUAL(similarity_at(screen, glyph, x, y), 1.0f);
        CHECK(similarity_at(plate, glyph, x, y) < 0.5f);
        const std::vector<Match> found = find_places(screen.view(), glyph, {0, 0, 150, 110}, 48, 3);
        CHECK(!found.empty() && found[0].x == x && found[0].y == y && found[0].similarity == 1.0f);
        const Match fitted = fit_glyph(screen.view(), plate.view(), glyph, {x - 9, y - 9, x + 10, y + 10}, 48, 28);
        CHECK(fitted.x == x && fitted.y == y && fitted.similarity == 1.0f);
    }
}

TEST(thin_lines_are_found_too) {
    std::vector<GlyphPixel> cross;
    for (int i = -15; i <= 15; ++i) {
        cross.push_back({static_cast<std::int16_t>(i), 0, 16, 128, 128, 255, 0});
        if (i != 0) cross.push_back({0, static_cast<std::int16_t>(i), 16, 128, 128, 255, 0});
    }
    const Glyph glyph(cross);
    CHECK_EQUAL(glyph.reach(), 0);
    CHECK_EQUAL(Glyph(arrow()).reach() > 0, true);
    Random random(75);
    for (int round = 0; round < 40; ++round) {
        Picture screen = flat_picture(150, 110, 200);
        const int x = pick(random, 20, 130), y = pick(random, 20, 90);
        stamp(screen, cross, x, y);
        const std::vector<Match> found = find_places(screen.view(), glyph, {0, 0, 150, 110}, 48, 2);
        CHECK(!found.empty() && found[0].x == x && found[0].y == y);
        const Picture plate = flat_picture(150, 110, 200);
        const Match fitted = fit_glyph(screen.view(), plate.view(), glyph, {x - 5, y - 4, x + 6, y + 7}, 48, 28);
        CHECK(fitted.x == x && fitted.y == y && fitted.similarity == 1.0f);
    }
}

// A black cross of thin lines as it is learned: with two pixels from `edge` on beside them, which show the background.
std::vector<GlyphPixel> learned_cross(int arm, int edge = 2) {
    std::vector<GlyphPixel> out;
    for (int y = -arm - edge - 1; y <= arm + edge + 1; ++y) {
        for (int x = -arm - edge - 1; x <= arm + edge + 1; ++x) {
            const int across = std::max(std::min(std::abs(x), std::abs(y)), std::max(std::abs(x), std::abs(y)) - arm);
            if ((across != 0 && across < edge) || across > edge + 1) continue;
            const auto role = static_cast<std::uint8_t>(across == 0 ? GlyphRole::opaque : GlyphRole::outside);
            out.push_back({static_cast<std::int16_t>(x), static_cast<std::int16_t>(y), 16, 128, 128, 255, role});
        }
    }
    return out;
}

void stamp_lines(Picture& picture, int x, int y, int arm, int luma, int u = 128, int v = 128) {
    draw_rect(picture, x - arm, y, x + arm + 1, y + 1, luma, u, v);
    draw_rect(picture, x, y - arm, x + 1, y + arm + 1, luma, u, v);
}

TEST(a_dark_cross_is_nowhere_on_a_dark_picture) {
    const Glyph glyph(learned_cross(15));
    CHECK(glyph.is_lines());
    Random random(77);
    for (int round = 0; round < 20; ++round) {
        Picture screen = flat_picture(220, 110, 80);
        draw_rect(screen, 110, 0, 220, 110, 16);
        CHECK(find_places(screen.view(), glyph, {0, 0, 220, 110}, 48, 1).empty() ||
              find_places(screen.view(), glyph, {0, 0, 220, 110}, 48, 1)[0].similarity < 0.3f);
        const int x = pick(random, 20, 85), y = pick(random, 20, 90);
        stamp_lines(screen, x, y, 15, 16);
        const std::vector<Match> found = find_places(screen.view(), glyph, {0, 0, 220, 110}, 48, 2);
        CHECK(!found.empty() && found[0].x == x && found[0].y == y && found[0].similarity == 1.0f);
        CHECK(found.size() == 1 || found[1].similarity < 0.5f);
    }
}

TEST(a_cross_with_a_rim_is_found_though_colours_have_bled) {
    std::vector<GlyphPixel> cross = learned_cross(15, 4); // learned on red, by a codec short of bits
    for (GlyphPixel& p : cross) p.y = 190, p.u = 90, p.v = 185;
    const Glyph glyph(cross);
    CHECK(glyph.is_lines());
    Picture screen = flat_picture(110, 110, 30);
    for (int i = -1; i <= 1; ++i) stamp_lines(screen, 50 + i, 60 + i, 15, 10); // the rim
    stamp_lines(screen, 50, 60, 15, 200, 50, 140);
    const std::vector<Match> found = find_places(screen.view(), glyph, {0, 0, 110, 110}, 48, 2);
    CHECK(!found.empty() && found[0].x == 50 && found[0].y == 60 && found[0].similarity >= 0.5f);
}

TEST(lines_between_two_pixels_are_found_by_how_they_stand_out) {
    const Glyph glyph(learned_cross(15));
    Picture screen = flat_picture(110, 110, 200);
    for (const int side : {0, 1}) stamp_lines(screen, 50 + side, 60 + side, 15, 108); // half of black on 200
    CHECK(similarity_at(screen, glyph, 50, 60) >= 0.45f); // by colour alone it is 0
}

TEST(a_translucent_cross_is_darker_still_on_what_is_dark) {
    std::vector<GlyphPixel> cross = learned_cross(15); // on paper
    for (GlyphPixel& p : cross) p.y = 71;
    const Glyph glyph(cross);
    Picture screen = flat_picture(110, 110, 60);
    CHECK_EQUAL(similarity_at(screen, glyph, 50, 60), 0.0f);
    stamp_lines(screen, 50, 60, 15, 29);
    CHECK(similarity_at(screen, glyph, 50, 60) > 0.5f);
}

TEST(lines_are_not_looked_for_unless_asked) {
    const Glyph glyph(learned_cross(15), false);
    CHECK(!glyph.is_lines());
    CHECK_EQUAL(similarity_at(flat_picture(110, 110, 16), glyph, 50, 60), 1.0f);
}

TEST(a_green_cross_as_light_as_what_is_behind_is_found) {
    std::vector<GlyphPixel> cross = learned_cross(15);
    for (GlyphPixel& p : cross) p.y = 180, p.u = 110, p.v = 100;
    Picture screen = flat_picture(220, 110, 180, 120, 150);
    draw_rect(screen, 110, 0, 220, 110, 180, 110, 100); // as green
    stamp_lines(screen, 60, 50, 15, 180, 110, 100);
    const std::vector<Match> found = find_places(screen.view(), Glyph(cross), {0, 0, 220, 110}, 48, 1);
    CHECK(!found.empty() && std::abs(found[0].x - 60) <= 1 && std::abs(found[0].y - 50) <= 1);
    CHECK(!found.empty() && found[0].similarity > 0.9f);
}

TEST(a_cross_half_of_which_cannot_be_seen_is_where_its_other_half_is) {
    const Glyph glyph(learned_cross(15));
    for (const int x : {66, 69, 72}) { // less and less of it on black
        Picture plate = flat_picture(160, 110, 90);
        draw_rect(plate, x, 0, 160, 110, 16);
        Picture screen = plate;
        stamp_lines(screen, 62, 50, 15, 16);
        const Match fitted = fit_glyph(screen.view(), plate.view(), glyph, {32, 20, 93, 81}, 48, 28);
        CHECK(std::abs(fitted.x - 62) <= 2 && std::abs(fitted.y - 50) <= 2);
        CHECK(fitted.similarity > 0.5f);
    }
}

TEST(thin_lines_take_half_of_their_chroma_from_what_is_behind) {
    std::vector<GlyphPixel> line, bar; // black, learned on grey
    for (std::int16_t y = 0; y < 20; ++y) {
        for (std::int16_t x = 0; x < 4; ++x) bar.push_back({x, y, 16, 128, 128, 255, 0});
        line.push_back({0, y, 16, 128, 128, 255, 0});
    }
    Picture screen = flat_picture(64, 64, 16);
    draw_rect(screen, 0, 0, 64, 64, 16, 128, 152); // as dark, but red
    CHECK_EQUAL(similarity_at(screen, Glyph(line), 20, 20), 0.5f);
    CHECK(similarity_at(screen, Glyph(bar), 20, 20) < 0.1f);
}

TEST(windows_may_lie_beyond_the_screen) {
    Random random(71);
    const Glyph glyph(arrow());
    for (const auto& [w, h] : sizes(random, 20)) {
        const Picture screen = random_picture(random, w, h), plate = random_picture(random, w, h);
        const TightPicture s(screen, 0), p(plate, 0);
        const int x = pick(random, -60, w + 60), y = pick(random, -60, h + 60);
        for (const Match& m : find_places(s.view(), glyph, {x, y, x + pick(random, 0, 40), y + pick(random, 0, 40)}, 48, 5))
            CHECK(m.similarity <= 1.0f);
        CHECK(fit_glyph(s.view(), p.view(), glyph, {x, y, x + 20, y + 20}, 48, 28).similarity <= 1.0f);
    }
    CHECK_EQUAL(similarity_at(flat_picture(40, 40, 128), glyph, 500, 10), 0.0f);
}

TEST(scores_are_those_of_the_definition) {
    Random random(74);
    for (const auto& [w, h] : sizes(random, 60)) {
        const Picture screen = random_picture(random, w, h), plate = random_picture(random, w, h);
        const std::vector<GlyphPixel> pixels = random_glyph(random);
        const Glyph glyph(pixels);
        const int x = pick(random, -20, w + 20), y = pick(random, -20, h + 20), tolerance = pick(random, 1, 255);
        const int threshold = pick(random, 0, 254);
        Patch patch(screen.view(), glyph.around({x, y, x + 1, y + 1}));
        patch.mark_differences(screen.view(), plate.view(), threshold);
        const auto [similarity, fit] = scores(screen, plate, pixels, x, y, tolerance, threshold);
        CHECK(std::abs(glyph.similarity(patch, x, y, tolerance) - similarity) < 1e-5);
        CHECK(std::abs(glyph.fit(patch, x, y, tolerance) - fit) < 1e-5);
    }
}

TEST(a_glyph_needs_pixels_of_its_own) {
    CHECK_THROWS(std::invalid_argument, Glyph({}));
    CHECK_THROWS(std::invalid_argument, Glyph({{0, 0, 16, 128, 128, 9, static_cast<std::uint8_t>(GlyphRole::outside)}}));
    const Glyph glyph(arrow());
    CHECK(glyph.x0 == 0 && glyph.y0 == 0 && glyph.x1 == 13 && glyph.y1 == 19);
}

TEST(an_arrow_is_learned_from_where_it_passed) {
    Random random(72);
    const Picture plate = textured_picture(random, 320, 240);
    SparseRecorder recorder(320, 240, {{16, 12}, 3, 3, 1e9, 1.0, 1.0});
    std::vector<std::pair<int, int>> spots;
    for (int i = 0; i < 24; ++i) {
        spots.emplace_back(pick(random, 20, 280), pick(random, 20, 200));
        Picture frame = plate;
        stamp(frame, arrow(), spots.back().first, spots.back().second);
        recorder.push(i / 30.0, frame.view());
    }
    const auto segment = recorder.take();
    const std::vector<std::uint8_t> none(static_cast<std::size_t>(segment->grid.count()));
    const BlobList blobs = find_blobs(*segment, 0, 24, plate, none.data(), {28, 6, 2, 32});
    std::vector<GlyphSample> samples;
    for (int i = 0; i < 24; ++i) {
        const Blob& b = blobs.blobs[blobs.first[static_cast<std::size_t>(i)]];
        samples.push_back({i, b.x0, b.y0, b.x1, b.y1});
    }
    const LearnedGlyph learned = learn_glyph(cut_out(*segment, plate, samples, {}), {});
    CHECK(learned.width > 19);
    const int ox = learned.x[0] - spots[0].first, oy = learned.y[0] - spots[0].second;
    for (std::size_t i = 0; i < spots.size(); ++i) {
        CHECK_EQUAL(learned.x[i] - spots[i].first, ox); // all samples aligned to the pixel
        CHECK_EQUAL(learned.y[i] - spots[i].second, oy);
        CHECK(learned.similarity[i] > 0.95f);
    }
    int opaque = 0;
    for (const GlyphPixel& p : arrow()) {
        const auto at = static_cast<std::size_t>((p.dy - oy) * learned.width + p.dx - ox);
        if (!learned.opaque[at]) continue;
        ++opaque;
        CHECK_EQUAL(int(learned.color[3 * at]), int(p.y));
    }
    CHECK(10 * opaque > 9 * static_cast<int>(arrow().size()));
    const auto all = std::count(learned.opaque.begin(), learned.opaque.end(), 1);
    CHECK(all < opaque + static_cast<int>(arrow().size()) / 4); // chroma bleeds by a pixel, no further

    const Glyph glyph(arrow());
    const CandidateList found = find_candidates(*segment, 0, plate, blobs, {glyph}, {});
    for (std::size_t i = 0; i < spots.size(); ++i) {
        CHECK(found.first[i] < found.last[i]);
        const Candidate& c = found.candidates[found.first[i]];
        CHECK(c.x == static_cast<float>(spots[i].first) + 0.5f && c.y == static_cast<float>(spots[i].second) + 0.5f);
        CHECK(c.background < c.similarity);
    }
}

TEST(a_look_that_the_plate_has_as_well_does_not_end_the_search) {
    std::vector<GlyphPixel> dark, rim; // of a pointer that is black within a white rim
    for (std::int16_t y = 0; y < 14; ++y) {
        for (std::int16_t x = 0; x < 14; ++x) {
            const bool edge = std::min(x, y) == 0 || std::max(x, y) == 13;
            dark.push_back({x, y, 16, 128, 128, 200, static_cast<std::uint8_t>(edge ? 1 : 0)});
            if (edge) rim.push_back({x, y, 235, 128, 128, 200, 0});
        }
    }
    for (const int paper : {16, 150}) {
        SparseRecorder recorder(128, 96, {});
        const Picture plate = flat_picture(128, 96, paper);
        Picture screen = plate;
        draw_rect(screen, 40, 30, 54, 44, 235);
        draw_rect(screen, 41, 31, 53, 43, 24); // hardly black
        recorder.push(0, screen.view());
        const auto segment = recorder.take();
        const std::vector<std::uint8_t> none(static_cast<std::size_t>(segment->grid.count()));
        const BlobList blobs = find_blobs(*segment, 0, 1, plate, none.data(), {});
        const std::vector<Glyph> glyphs{Glyph(dark), Glyph(rim)};
        const CandidateList found = find_candidates(*segment, 0, plate, blobs, glyphs, {});
        CHECK(found.last[0] > found.first[0] && found.candidates[found.first[0]].fit >= 0.8f);
        CHECK_EQUAL(found.last[0] - found.first[0], paper == 16 ? 2u : 1u);
    }
}

TEST(too_few_samples_teach_nothing) {
    Random random(73);
    SparseRecorder recorder(64, 64, {});
    const Picture plate = textured_picture(random, 64, 64);
    recorder.push(0, plate.view());
    const auto segment = recorder.take();
    CHECK_EQUAL(learn_glyph(cut_out(*segment, plate, {{0, 1, 1, 9, 9}, {0, 2, 2, 9, 9}}, {}), {}).width, 0);
    const std::vector<GlyphSample> empty{{0, 1, 1, 9, 9}, {0, 2, 2, 9, 9}, {0, 60, 60, 80, 80}};
    CHECK_EQUAL(learn_glyph(cut_out(*segment, plate, empty, {}), {}).width, 0);
}
