#include "glyph.hpp"

#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

namespace narratrace {
namespace {

// Large halos are thinned out: more pixels tell nothing new.
constexpr int kRoughPixels = 384, kClosePixels = 2048;
constexpr std::size_t kProbes = 12;
constexpr int kBroad = 6; // of 3 x 3 pixels: as at a straight edge, or on a stroke two pixels wide
constexpr double kAlike = 0.5; // likeness of a glyph to itself moved, down to which a coarse search still finds it

std::int32_t total(const Byte* weight, int n) {
    std::int32_t sum = 0;
    for (int x = 0; x < n; ++x) sum += weight[x];
    return sum;
}

int step_for(const Rect& bounds, int pixels) {
    return std::max(1, (bounds.width() * bounds.height() + pixels - 1) / pixels);
}

float share(std::int64_t found, std::int64_t visible, std::int64_t all, int tolerance) {
    if (3 * visible < all || visible == 0) return 0.0f;
    return static_cast<float>(static_cast<double>(found) / (static_cast<double>(visible) * tolerance));
}

// Mean likeness of the opaque pixels to the glyph moved by `by` in both axes, along either diagonal.
double likeness_moved(const std::vector<GlyphPixel>& opaque, int by) {
    constexpr int kTolerance = 48;
    std::map<std::pair<int, int>, const GlyphPixel*> at;
    for (const GlyphPixel& p : opaque) at[{p.dx, p.dy}] = &p;
    double found = 0;
    for (const GlyphPixel& p : opaque) {
        for (const int side : {-1, 1}) {
            const auto q = at.find({p.dx + by, p.dy + side * by});
            if (q == at.end()) continue;
            const GlyphPixel& o = *q->second;
            found += std::max(0, kTolerance - pixel_contrast(p.y - o.y, p.u - o.u, p.v - o.v));
        }
    }
    return found / (2.0 * kTolerance * static_cast<double>(std::max<std::size_t>(1, opaque.size())));
}

}  // namespace

Glyph::Glyph(const std::vector<GlyphPixel>& pixels, bool lines) {
    constexpr int kFar = std::numeric_limits<int>::max() / 2;
    x0 = y0 = kFar, x1 = y1 = -kFar;
    bounds_ = {kFar, kFar, -kFar, -kFar};
    std::vector<GlyphPixel> opaque;
    for (const GlyphPixel& p : pixels) {
        bounds_ = {std::min<int>(bounds_.x0, p.dx), std::min<int>(bounds_.y0, p.dy), std::max<int>(bounds_.x1, p.dx + 1),
                   std::max<int>(bounds_.y1, p.dy + 1)};
        if (is(p, GlyphRole::outside)) continue;
        ++own_;
        x0 = std::min<int>(x0, p.dx), x1 = std::max<int>(x1, p.dx + 1);
        y0 = std::min<int>(y0, p.dy), y1 = std::max<int>(y1, p.dy + 1);
        if (is(p, GlyphRole::opaque)) opaque.push_back(p);
    }
    if (x1 <= x0) throw std::invalid_argument("a glyph needs at least one pixel of its own");
    // Without colours of its own, it is all outline, and those of large things are found from afar.
    if (opaque.empty()) reach_ = 2;
    while (reach_ < 2 && likeness_moved(opaque, reach_ + 1) >= kAlike) ++reach_;
    if (lines && thin()) lines_ = GlyphLines(pixels);
    rough_ = step_for(bounds_, kRoughPixels), close_ = step_for(bounds_, kClosePixels);
    stride_ = (bounds_.width() + Patch::kLanes - 1) / Patch::kLanes * Patch::kLanes;
    const std::size_t size = static_cast<std::size_t>(stride_) * bounds_.height();
    for (std::vector<Byte>* plane :
         {&planes_.y, &planes_.u, &planes_.v, &planes_.chroma, &planes_.opaque, &planes_.shape, &planes_.outside})
        plane->assign(size, 0);
    const auto index = [&](const GlyphPixel& p) {
        return static_cast<std::size_t>(p.dy - bounds_.y0) * stride_ + static_cast<std::size_t>(p.dx - bounds_.x0);
    };
    for (const GlyphPixel& p : pixels) {
        const std::size_t i = index(p);
        planes_.y[i] = p.y, planes_.u[i] = p.u, planes_.v[i] = p.v;
        (is(p, GlyphRole::opaque) ? planes_.opaque : is(p, GlyphRole::shape) ? planes_.shape : planes_.outside)[i] = p.weight;
    }
    for (const GlyphPixel& p : opaque) planes_.chroma[index(p)] = is_broad_at(p.dx, p.dy) ? 255 : 0;
    const std::size_t few = std::min(kProbes, opaque.size());
    for (std::size_t i = 0; i < few; ++i) {
        const GlyphPixel& p = opaque[i * opaque.size() / few];
        probes_.push_back({p, planes_.chroma[index(p)]});
    }
    for (const Detail detail : {Detail::rough, Detail::close}) {
        Weight& sum = weight_[static_cast<std::size_t>(detail)];
        for (int k = 0; k < bounds_.height(); k += every(detail)) {
            sum.opaque += total(planes_.opaque.data() + static_cast<std::ptrdiff_t>(k) * stride_, stride_);
            sum.shape += total(planes_.shape.data() + static_cast<std::ptrdiff_t>(k) * stride_, stride_);
        }
    }
}

// Whether the glyph covers most of the chroma samples that a pixel may be part of, wherever it stands.
bool Glyph::is_broad_at(int dx, int dy) const {
    int covered = 0;
    for (int y = std::max(dy - 1, y0); y <= std::min(dy + 1, y1 - 1); ++y) {
        for (int x = std::max(dx - 1, x0); x <= std::min(dx + 1, x1 - 1); ++x) {
            const std::size_t i = static_cast<std::size_t>(y - bounds_.y0) * stride_ + static_cast<std::size_t>(x - bounds_.x0);
            covered += planes_.opaque[i] > 0 || planes_.shape[i] > 0;
        }
    }
    return covered >= kBroad;
}

// The rows that are looked at, cut to what the patch holds; whole ones are padded to full vectors by weightless pixels.
CommonRows Glyph::common(const Patch& screen, int x, int y, Detail detail, bool marks) const {
    const Rect& r = screen.rect();
    const int left = x + bounds_.x0, right = x + bounds_.x1, from = std::max(left, r.x0), to = std::min(right, r.x1);
    const int top = y + bounds_.y0, step = every(detail), height = bounds_.height();
    const int first = top >= r.y0 ? 0 : (r.y0 - top + step - 1) / step * step, last = std::min(height, r.y1 - top);
    CommonRows c{};
    if (from >= to || first >= last) return c;
    c.rows = (last - first + step - 1) / step;
    c.columns = from == left && to == right ? stride_ : to - from;
    c.screen_step = screen.stride() * step, c.glyph_step = static_cast<std::ptrdiff_t>(stride_) * step;
    const int row = top + first;
    c.y = screen.y(from, row), c.u = screen.u(from, row), c.v = screen.v(from, row);
    if (marks) c.differs = screen.differs(from, row);
    const std::ptrdiff_t i = static_cast<std::ptrdiff_t>(first) * stride_ + (from - left);
    c.glyph_y = planes_.y.data() + i, c.glyph_u = planes_.u.data() + i, c.glyph_v = planes_.v.data() + i;
    c.chroma = planes_.chroma.data() + i;
    c.opaque = planes_.opaque.data() + i, c.shape = planes_.shape.data() + i, c.outside = planes_.outside.data() + i;
    return c;
}

// Weight of the rows in common; nearly always nothing of the glyph is cut off.
Glyph::Weight Glyph::visible(const CommonRows& common, Detail detail) const {
    const int rows = (bounds_.height() + every(detail) - 1) / every(detail);
    if (common.rows == rows && common.columns == stride_) return weight(detail);
    Weight sum;
    for (int row = 0; row < common.rows; ++row) {
        sum.opaque += total(common.opaque + row * common.glyph_step, common.columns);
        sum.shape += total(common.shape + row * common.glyph_step, common.columns);
    }
    return sum;
}

float Glyph::similarity(const Patch& screen, int x, int y, int tolerance, Detail detail) const {
    const float lines = is_lines() ? lines_.share(screen, x, y, false) : 1.0f;
    if (lines == 0.0f) return lines;
    const CommonRows rows = common(screen, x, y, detail, false);
    const Weight all = weight(detail), seen = visible(rows, detail);
    const float colours = share(sum_rows(rows, tolerance, false).alike, seen.opaque, all.opaque, tolerance);
    return is_lines() ? (lines + std::min(lines, colours)) / 2 : colours;
}

float Glyph::fit(const Patch& screen, int x, int y, int tolerance, Detail detail) const {
    if (is_lines()) return lines_.share(screen, x, y, true);
    const CommonRows rows = common(screen, x, y, detail, true);
    const Weight all = weight(detail), seen = visible(rows, detail);
    const RowSums sums = sum_rows(rows, tolerance, true);
    return share(sums.alike + tolerance * sums.differing, seen.opaque + seen.shape, all.opaque + all.shape, tolerance);
}

}  // namespace narratrace
