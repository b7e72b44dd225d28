// The only file that knows Python. Every heavy call releases the GIL; arrays are checked before.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "blobs.hpp"
#include "candidates.hpp"
#include "compare.hpp"
#include "components.hpp"
#include "glyph.hpp"
#include "glyph_learner.hpp"
#include "history.hpp"
#include "packed.hpp"
#include "planes.hpp"
#include "recorder.hpp"
#include "segment_builder.hpp"
#include "shrink.hpp"
#include "sparse_video.hpp"
#include "tile_diff.hpp"
#include "tracker.hpp"

namespace py = pybind11;
using namespace narratrace;

namespace {

using Offsets = std::vector<std::uint32_t>;
template <typename T>
using Array = py::array_t<T, py::array::c_style>;
using Planes = py::typing::Tuple<Array<std::uint8_t>, Array<std::uint8_t>, Array<std::uint8_t>>;

PlaneView plane_view(const py::handle& object, const char* name) {
    const std::string wanted = std::string(name) + " must be a 2-d uint8 array with contiguous rows";
    if (!py::isinstance<py::array_t<std::uint8_t>>(object)) throw py::type_error(wanted);
    const auto array = py::reinterpret_borrow<py::array>(object);
    if (array.ndim() != 2 || array.size() == 0 || array.strides(1) != 1) throw py::value_error(wanted);
    return {static_cast<const std::uint8_t*>(array.data()), array.strides(0), static_cast<int>(array.shape(1)),
            static_cast<int>(array.shape(0))};
}

PictureView picture_view(const py::handle& y, const py::handle& u, const py::handle& v) {
    const PictureView view{plane_view(y, "y"), plane_view(u, "u"), plane_view(v, "v")};
    const int cw = (view.y.width + 1) / 2, ch = (view.y.height + 1) / 2;
    if (view.u.width != cw || view.v.width != cw || view.u.height != ch || view.v.height != ch)
        throw py::value_error("chroma planes must be half the size of luma, rounded up");
    return view;
}

PictureView picture_view(const Planes& planes) {
    if (planes.size() != 3) throw py::value_error("a picture is a tuple of three planes (y, u, v)");
    return picture_view(planes[0], planes[1], planes[2]);
}

void require_size(const PictureView& view, const TileGrid& grid) {
    if (view.y.width != grid.width || view.y.height != grid.height) throw py::value_error("pictures differ in size");
}

MutablePicture mutable_picture(Array<std::uint8_t>& y, Array<std::uint8_t>& u, Array<std::uint8_t>& v, const TileGrid& grid) {
    require_size(picture_view(y, u, v), grid);
    const auto plane = [](Array<std::uint8_t>& a) { return MutablePlane{a.mutable_data(0, 0), a.strides(0)}; };
    return {plane(y), plane(u), plane(v)};
}

Picture picture_of(const Planes& planes, const TileGrid& grid) {
    const PictureView view = picture_view(planes);
    require_size(view, grid);
    Picture picture(grid.width, grid.height);
    picture.assign(view);
    return picture;
}

py::array plane_array(const Plane& plane) {
    Array<std::uint8_t> out({plane.height(), plane.width()});
    for (int y = 0; y < plane.height(); ++y)
        std::memcpy(out.mutable_data(y, 0), plane.row(y), static_cast<std::size_t>(plane.width()));
    return out;
}

Planes picture_tuple(const Picture& picture) {
    return py::make_tuple(plane_array(picture.y), plane_array(picture.u), plane_array(picture.v));
}

template <typename T>
py::array_t<T> vector_array(const std::vector<T>& values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

template <typename T>
std::vector<T> array_vector(const Array<T>& array) {
    return {array.data(), array.data() + array.size()};
}

const std::uint8_t* mask_of(const Array<std::uint8_t>& mask, const TileGrid& grid) {
    if (mask.size() != grid.count()) throw py::value_error("a tile mask has one entry per tile");
    return mask.data();
}

// Ranges of rows per frame, as find_blobs() and find_candidates() return them.
void require_ranges(const Offsets& first, const Offsets& last, std::size_t rows) {
    if (first.size() != last.size()) throw py::value_error("first and last differ in length");
    for (std::size_t i = 0; i < first.size(); ++i)
        if (first[i] > last[i] || last[i] > rows) throw py::index_error("no such rows");
}

void require_blocks(const Segment& s, const Array<std::int32_t>& tiles, const Array<std::int32_t>& blocks) {
    if (tiles.size() != blocks.size()) throw py::value_error("tiles and blocks differ in length");
    for (py::ssize_t i = 0; i < tiles.size(); ++i)
        if (tiles.at(i) < 0 || tiles.at(i) >= s.grid.count() || blocks.at(i) >= static_cast<int>(s.blocks.size()))
            throw py::index_error("no such tile or block");
}

Array<std::uint8_t> shrunk_array(const Shrunk& picture) {
    Array<std::uint8_t> out({picture.height, picture.width});
    std::copy(picture.pixels.begin(), picture.pixels.end(), out.mutable_data());
    return out;
}

Array<std::uint8_t> shrunk(const PlaneView& luma, int step) {
    Shrunk picture;
    {
        const py::gil_scoped_release release;
        picture = shrink(luma, step);
    }
    return shrunk_array(picture);
}

Array<std::uint16_t> count_differences_py(const Planes& frame, const Planes& reference, int luma, int chroma,
                                          bool baseline) {
    const PictureView a = picture_view(frame), b = picture_view(reference);
    const TileGrid grid{a.y.width, a.y.height};
    require_size(b, grid);
    Array<std::uint16_t> out({grid.rows(), grid.cols(), 2});
    auto* counts = reinterpret_cast<TileCount*>(out.mutable_data());
    const DiffThresholds thresholds{static_cast<std::uint8_t>(luma), static_cast<std::uint8_t>(chroma)};
    const py::gil_scoped_release release;
    if (baseline) detail::count_differences_baseline(a, b, thresholds, counts);
    else count_differences(a, b, thresholds, counts);
    return out;
}

void bind_segment(py::module_& m) {
    py::class_<Segment, std::shared_ptr<Segment>>(m, "Segment")
        .def_property_readonly("times", [](const Segment& s) {
            Array<double> out(static_cast<py::ssize_t>(s.frames.size()));
            for (std::size_t i = 0; i < s.frames.size(); ++i) out.mutable_data()[i] = s.frames[i].t;
            return out;
        })
        .def_property_readonly("offsets", [](const Segment& s) {
            Array<std::int64_t> out(static_cast<py::ssize_t>(s.frames.size()) + 1);
            out.mutable_data()[0] = 0;
            for (std::size_t i = 0; i < s.frames.size(); ++i)
                out.mutable_data()[i + 1] = static_cast<std::int64_t>(s.frames[i].end);
            return out;
        })
        .def_property_readonly("tiles", [](const Segment& s) { return vector_array(s.tiles); })
        .def_property_readonly("width", [](const Segment& s) { return s.grid.width; })
        .def_property_readonly("height", [](const Segment& s) { return s.grid.height; })
        .def_property_readonly("bytes", &Segment::bytes);

    py::class_<ChangeJudge>(m, "ChangeJudge")
        .def(py::init<int, double, double, double>(), py::arg("tiles"), py::arg("max_stored"), py::arg("sudden"),
             py::arg("sudden_s"))
        .def("keeps", &ChangeJudge::keeps, py::arg("t"), py::arg("changed"));

    py::class_<SparseRecorder>(m, "SparseRecorder")
        .def(py::init([](int width, int height, int luma, int chroma, int min_luma, int min_chroma, double refresh_s,
                         double max_stored, double sudden, double sudden_s) {
                 const DiffThresholds thresholds{static_cast<std::uint8_t>(luma), static_cast<std::uint8_t>(chroma)};
                 return SparseRecorder(
                     width, height, {thresholds, min_luma, min_chroma, refresh_s, max_stored, sudden, sudden_s});
             }),
             py::arg("width"), py::arg("height"), py::arg("luma"), py::arg("chroma"), py::arg("min_luma"),
             py::arg("min_chroma"), py::arg("refresh_s"), py::arg("max_stored"),
             py::arg("sudden") = 1.0, py::arg("sudden_s") = 0.5)
        .def("push", [](SparseRecorder& r, double t, const py::array& y, const py::array& u, const py::array& v) {
            const PictureView frame = picture_view(y, u, v);
            const py::gil_scoped_release release;
            return r.push(t, frame);
        }, py::arg("t"), py::arg("y"), py::arg("u"), py::arg("v"))
        .def("push_packed", [](SparseRecorder& r, double t, const PackedPicture& packed) {
            const py::gil_scoped_release release;
            return r.push(t, packed);
        }, py::arg("t"), py::arg("packed"))
        .def("take", &SparseRecorder::take, py::call_guard<py::gil_scoped_release>())
        .def("thumbnail", [](const SparseRecorder& r, int step) { return shrunk(r.screen().y.view(), step); }, py::arg("step"))
        .def_property_readonly("stored", &SparseRecorder::stored)
        .def_property_readonly("bytes", &SparseRecorder::bytes)
        .def_property_readonly("frames", &SparseRecorder::frames)
        .def_property_readonly("changed", [](const SparseRecorder& r) { return vector_array(r.changed()); });
}

void bind_packed(py::module_& m) {
    py::class_<PackedPicture, std::shared_ptr<PackedPicture>>(m, "PackedPicture")
        .def_property_readonly("width", [](const PackedPicture& p) { return p.grid.width; })
        .def_property_readonly("height", [](const PackedPicture& p) { return p.grid.height; })
        .def_property_readonly("tiles", [](const PackedPicture& p) { return vector_array(p.tiles); })
        .def_property_readonly("bytes", &PackedPicture::bytes)
        .def("unpack", [](const PackedPicture& p, Array<std::uint8_t> y, Array<std::uint8_t> u, Array<std::uint8_t> v) {
            unpack(p, mutable_picture(y, u, v, p.grid));
        }, py::arg("y").noconvert(), py::arg("u").noconvert(), py::arg("v").noconvert());

    m.def("merged", [](const PackedPicture& earlier, const PackedPicture& later) {
        return std::make_shared<PackedPicture>(merged(earlier, later));
    }, py::arg("earlier"), py::arg("later"), py::call_guard<py::gil_scoped_release>());

    m.def("pack", [](const Planes& picture, const std::optional<Planes>& before) {
        const PictureView view = picture_view(picture);
        std::optional<PictureView> earlier;
        if (before) {
            earlier = picture_view(*before);
            require_size(*earlier, TileGrid{view.y.width, view.y.height});
        }
        const py::gil_scoped_release release;
        return std::make_shared<PackedPicture>(pack(view, earlier));
    }, py::arg("picture"), py::arg("before"));
}

// Blocks as the rows of a (count, 384) array; the builder checks the tile numbers.
const Block* blocks_of(const Array<std::int32_t>& tiles, const Array<std::uint8_t>& blocks) {
    if (tiles.ndim() != 1 || blocks.ndim() != 2 || blocks.shape(0) != tiles.shape(0) ||
        blocks.shape(1) != static_cast<py::ssize_t>(sizeof(Block)))
        throw py::value_error("blocks must have one row of 384 bytes per tile");
    return reinterpret_cast<const Block*>(blocks.data());
}

void bind_builder(py::module_& m) {
    py::class_<SegmentBuilder>(m, "SegmentBuilder")
        .def(py::init<int, int>(), py::arg("width"), py::arg("height"))
        .def("show", [](SegmentBuilder& b, const py::array& y, const py::array& u, const py::array& v) {
            const PictureView screen = picture_view(y, u, v);
            const py::gil_scoped_release release;
            b.show(screen);
        }, py::arg("y"), py::arg("u"), py::arg("v"))
        .def("append", [](SegmentBuilder& b, double t, const Array<std::int32_t>& tiles, const Array<std::uint8_t>& blocks) {
            const Block* pixels = blocks_of(tiles, blocks);
            const py::gil_scoped_release release;
            b.append(t, tiles.data(), static_cast<std::size_t>(tiles.size()), pixels);
        }, py::arg("t"), py::arg("tiles"), py::arg("blocks"))
        .def("refresh", [](SegmentBuilder& b, const Array<std::int32_t>& tiles, const Array<std::uint8_t>& blocks) {
            const Block* pixels = blocks_of(tiles, blocks);
            const py::gil_scoped_release release;
            b.refresh(tiles.data(), static_cast<std::size_t>(tiles.size()), pixels);
        }, py::arg("tiles"), py::arg("blocks"))
        .def("interrupt", [](SegmentBuilder& b) { b.interrupt(); })
        .def("take", &SegmentBuilder::take, py::call_guard<py::gil_scoped_release>())
        .def("thumbnail", [](const SegmentBuilder& b, int step) { return shrunk(b.screen().y.view(), step); }, py::arg("step"))
        .def_property_readonly("bytes", &SegmentBuilder::bytes)
        .def_property_readonly("frames", &SegmentBuilder::frames);
}

void bind_history(py::module_& m) {
    py::class_<TileHistory>(m, "TileHistory")
        .def(py::init<const Segment&>(), py::arg("segment"), py::keep_alive<1, 2>())
        .def("epochs", [](const TileHistory& h, int first, int last, int threshold, int max_differing, double cost_s) {
            std::vector<Epoch> out;
            {
                const py::gil_scoped_release release;
                out = h.epochs(first, last, {threshold, max_differing, cost_s});
            }
            return vector_array(out);
        }, py::arg("first"), py::arg("last"), py::arg("threshold"), py::arg("max_differing"), py::arg("cost_s"))
        .def("stays", [](const TileHistory& h, int first, int last, int threshold, int max_differing, double min_s,
                         const Array<std::uint8_t>& ignore) {
            const std::uint8_t* mask = mask_of(ignore, h.grid());
            std::vector<Epoch> out;
            {
                const py::gil_scoped_release release;
                out = h.stays(first, last, {threshold, max_differing}, min_s, mask);
            }
            return vector_array(out);
        }, py::arg("first"), py::arg("last"), py::arg("threshold"), py::arg("max_differing"), py::arg("min_s"),
             py::arg("ignore"));

    m.def("compose", [](const Segment& s, int frame, const Array<std::int32_t>& tiles, const Array<std::int32_t>& blocks) {
        require_blocks(s, tiles, blocks);
        if (frame < 0 || static_cast<std::size_t>(frame) >= s.frames.size()) throw py::index_error("no such frame");
        const std::vector<std::int32_t> places = array_vector(tiles), sources = array_vector(blocks);
        Picture out;
        {
            const py::gil_scoped_release release;
            out = compose(s, frame, places, sources);
        }
        return picture_tuple(out);
    }, py::arg("segment"), py::arg("frame"), py::arg("tiles"), py::arg("blocks"));

    m.def("overlay", [](const Segment& s, Array<std::uint8_t> y, Array<std::uint8_t> u, Array<std::uint8_t> v,
                        const Array<std::int32_t>& tiles, const Array<std::int32_t>& blocks) {
        const MutablePicture out = mutable_picture(y, u, v, s.grid);
        require_blocks(s, tiles, blocks);
        const std::vector<std::int32_t> places = array_vector(tiles), sources = array_vector(blocks);
        const py::gil_scoped_release release;
        overlay(s, places, sources, out);
    }, py::arg("segment"), py::arg("y").noconvert(), py::arg("u").noconvert(), py::arg("v").noconvert(), py::arg("tiles"),
          py::arg("blocks"));

    m.def("shrink", [](const Array<std::uint8_t>& luma, int step) { return shrunk(plane_view(luma, "luma"), step); },
          py::arg("luma"), py::arg("step"));

    m.def("thumbnails", [](const Segment& s, int begin, int end, int every, int step) {
        if (every < 1) throw py::value_error("every must be at least 1");
        std::vector<Shrunk> shrunk;
        {
            const py::gil_scoped_release release;
            Replay replay(s, begin);
            for (int i = begin; i < end && replay.step(); ++i)
                if ((i - begin) % every == 0) shrunk.push_back(shrink(replay.screen().y.view(), step));
        }
        py::typing::List<Array<std::uint8_t>> out;
        for (const Shrunk& picture : shrunk) out.append(shrunk_array(picture));
        return out;
    }, py::arg("segment"), py::arg("begin"), py::arg("end"), py::arg("every"), py::arg("step"));
}

py::dict compare_py(const Planes& a, const Planes& b, const Array<std::uint8_t>& ignore) {
    const PictureView va = picture_view(a), vb = picture_view(b);
    const TileGrid grid{va.y.width, va.y.height};
    require_size(vb, grid);
    const std::uint8_t* mask = mask_of(ignore, grid);
    Comparison c;
    {
        const py::gil_scoped_release release;
        c = compare(va, vb, mask, {});
    }
    py::dict out;
    out["pixels"] = c.pixels, out["changed"] = c.changed, out["strong"] = c.strong;
    out["edges_a"] = c.edges_a, out["edges_b"] = c.edges_b, out["lost"] = c.lost, out["gained"] = c.gained;
    out["tile_strong"] = vector_array(c.tile_strong), out["tile_shift"] = vector_array(c.tile_shift);
    return out;
}

void bind_pointer(py::module_& m) {
    py::class_<Glyph>(m, "Glyph")
        .def(py::init([](const Array<GlyphPixel>& pixels, bool lines) { return Glyph(array_vector(pixels), lines); }),
             py::arg("pixels"), py::arg("lines") = true)
        .def_property_readonly("box", [](const Glyph& g) { return py::make_tuple(g.x0, g.y0, g.x1, g.y1); });

    m.def("find_blobs", [](const Segment& s, int begin, int end, const Planes& plate, const Array<std::uint8_t>& ignore,
                           int threshold, int min_area, int link, int max_blobs) {
        const Picture p = picture_of(plate, s.grid);
        const std::uint8_t* mask = mask_of(ignore, s.grid);
        BlobList list;
        {
            const py::gil_scoped_release release;
            list = find_blobs(s, begin, end, p, mask, {threshold, min_area, link, max_blobs});
        }
        return py::make_tuple(vector_array(list.blobs), vector_array(list.first), vector_array(list.last));
    }, py::arg("segment"), py::arg("begin"), py::arg("end"), py::arg("plate"), py::arg("ignore"), py::arg("threshold"),
          py::arg("min_area"), py::arg("link"), py::arg("max_blobs"));

    m.def("find_places", [](const Planes& screen, const Glyph& glyph, int x0, int y0, int x1, int y1, int tolerance, int most) {
        const PictureView view = picture_view(screen);
        std::vector<Match> places;
        {
            const py::gil_scoped_release release;
            places = find_places(view, glyph, {x0, y0, x1, y1}, tolerance, most);
        }
        py::typing::List<py::typing::Tuple<int, int, float>> out;
        for (const Match& m : places) out.append(py::make_tuple(m.x, m.y, m.similarity));
        return out;
    }, py::arg("screen"), py::arg("glyph"), py::arg("x0"), py::arg("y0"), py::arg("x1"), py::arg("y1"), py::arg("tolerance"),
          py::arg("most"));

    m.def("find_on_screen", [](const Segment& s, const Array<std::int32_t>& frames, const Glyph& glyph, int x0, int y0, int x1,
                               int y1, int tolerance, int most) {
        const std::vector<std::int32_t> list = array_vector(frames);
        if (!std::is_sorted(list.begin(), list.end()) || (!list.empty() && (list.front() < 0 || list.back() >= static_cast<std::int32_t>(s.frames.size()))))
            throw py::index_error("frames must ascend within the segment");
        CandidateList out;
        {
            const py::gil_scoped_release release;
            out = find_on_screen(s, list, glyph, {x0, y0, x1, y1}, tolerance, most);
        }
        return py::make_tuple(vector_array(out.candidates), vector_array(out.first), vector_array(out.last));
    }, py::arg("segment"), py::arg("frames"), py::arg("glyph"), py::arg("x0"), py::arg("y0"), py::arg("x1"), py::arg("y1"),
          py::arg("tolerance"), py::arg("most"));

    m.def("fit_glyph", [](const Planes& screen, const Planes& plate, const Glyph& glyph, int x0, int y0, int x1, int y1,
                          int tolerance, int threshold) {
        const PictureView a = picture_view(screen), b = picture_view(plate);
        require_size(b, {a.y.width, a.y.height});
        Match match;
        {
            const py::gil_scoped_release release;
            match = fit_glyph(a, b, glyph, {x0, y0, x1, y1}, tolerance, threshold);
        }
        return py::make_tuple(match.x, match.y, match.similarity);
    }, py::arg("screen"), py::arg("plate"), py::arg("glyph"), py::arg("x0"), py::arg("y0"), py::arg("x1"), py::arg("y1"),
          py::arg("tolerance"), py::arg("threshold"));

    m.def("find_candidates", [](const Segment& s, int begin, const Planes& plate, const Array<Blob>& blobs,
                                const Array<std::uint32_t>& first, const Array<std::uint32_t>& last,
                                const std::vector<Glyph>& glyphs,
                                int tolerance, int threshold, int margin, int max_blobs, int max_size, int threads,
                                const Array<Candidate>& before, std::size_t searched) {
        const Picture p = picture_of(plate, s.grid);
        const BlobList list{array_vector(blobs), array_vector(first), array_vector(last)};
        require_ranges(list.first, list.last, list.blobs.size());
        const FirstSearch done{array_vector(before), searched};
        const auto by_blob = [](const Candidate& a, const Candidate& b) { return a.blob < b.blob; };
        if (!std::is_sorted(done.candidates.begin(), done.candidates.end(), by_blob))
            throw std::invalid_argument("candidates come by blob");
        CandidateList out;
        {
            const py::gil_scoped_release release;
            out = find_candidates(s, begin, p, list, glyphs, {tolerance, threshold, margin, max_blobs, max_size}, threads, done);
        }
        return py::make_tuple(vector_array(out.candidates), vector_array(out.first), vector_array(out.last));
    }, py::arg("segment"), py::arg("begin"), py::arg("plate"), py::arg("blobs"), py::arg("first"), py::arg("last"),
          py::arg("glyphs"), py::arg("tolerance"), py::arg("threshold"), py::arg("margin"), py::arg("max_blobs"), py::arg("max_size"),
          py::arg("threads") = 1, py::arg("before") = Array<Candidate>(), py::arg("searched") = 0);

    py::class_<GlyphCutout>(m, "GlyphCutout")
        .def_property_readonly("size", [](const GlyphCutout& p) { return std::pair(p.bx1 - p.bx0, p.by1 - p.by0); });

    m.def("cut_out", [](const Segment& s, const Planes& plate, const Array<GlyphSample>& samples, int threshold) {
        const Picture p = picture_of(plate, s.grid);
        const std::vector<GlyphSample> list = array_vector(samples);
        LearnOptions options;
        options.threshold = threshold;
        const py::gil_scoped_release release;
        return cut_out(s, p, list, options);
    }, py::arg("segment"), py::arg("plate"), py::arg("samples"), py::arg("threshold"));

    m.def("learn_glyph", [](const std::vector<const GlyphCutout*>& cutouts, int tolerance, double min_similarity) {
        std::vector<GlyphCutout> list;
        for (const GlyphCutout* p : cutouts) list.push_back(*p);
        LearnOptions options;
        options.tolerance = tolerance, options.min_similarity = min_similarity;
        LearnedGlyph g;
        {
            const py::gil_scoped_release release;
            g = learn_glyph(list, options);
        }
        const py::ssize_t h = g.height, w = g.width;
        py::typing::Dict<py::str, py::array> out;
        out["color"] = vector_array(g.color).reshape({h, w, py::ssize_t{3}});
        out["differs"] = vector_array(g.differs).reshape({h, w});
        out["steady"] = vector_array(g.steady).reshape({h, w});
        out["apart"] = vector_array(g.apart).reshape({h, w});
        out["opaque"] = vector_array(g.opaque).reshape({h, w});
        out["similarity"] = vector_array(g.similarity);
        out["x"] = vector_array(g.x);
        out["y"] = vector_array(g.y);
        return out;
    }, py::arg("cutouts"), py::arg("tolerance"), py::arg("min_similarity"));

    m.def("track", [](const Array<double>& times, const Array<std::uint32_t>& first, const Array<std::uint32_t>& last,
                      const Array<TrackPoint>& points, double show_cost, double speed, double step_cost, double step,
                      double jump_cost, double max_hold_s) {
        const std::vector<double> t = array_vector(times);
        const Offsets begin = array_vector(first), end = array_vector(last);
        const std::vector<TrackPoint> list = array_vector(points);
        require_ranges(begin, end, list.size());
        if (t.size() != begin.size()) throw py::value_error("times and first differ in length");
        std::vector<std::int32_t> out;
        {
            const py::gil_scoped_release release;
            out = track(t, begin, end, list, {show_cost, speed, step_cost, step, jump_cost, max_hold_s});
        }
        return vector_array(out);
    }, py::arg("times"), py::arg("first"), py::arg("last"), py::arg("points"), py::arg("show_cost"), py::arg("speed"),
          py::arg("step_cost"), py::arg("step"), py::arg("jump_cost"), py::arg("max_hold_s"));
}

}  // namespace

PYBIND11_MODULE(_native, m) {
    m.doc() = "Native part of narratrace; the headers in csrc say what every function does.";
    PYBIND11_NUMPY_DTYPE(Blob, x0, y0, x1, y1, area, weight, cx, cy);
    PYBIND11_NUMPY_DTYPE(Epoch, tile, first, last, block, seen);
    PYBIND11_NUMPY_DTYPE(Candidate, x, y, fit, similarity, background, glyph, blob);
    PYBIND11_NUMPY_DTYPE(GlyphPixel, dx, dy, y, u, v, weight, role);
    PYBIND11_NUMPY_DTYPE(GlyphSample, frame, x0, y0, x1, y1);
    PYBIND11_NUMPY_DTYPE(TrackPoint, x, y, reward);
    m.attr("TILE") = kTile;
    m.attr("HAVE_AVX2") = detail::have_avx2();
    m.def("count_differences", &count_differences_py, py::arg("frame"), py::arg("reference"), py::arg("luma"),
          py::arg("chroma"), py::arg("baseline") = false);
    m.def("compare", &compare_py, py::arg("a"), py::arg("b"), py::arg("ignore"));
    m.def("connected_components", [](const Array<std::int32_t>& tiles, int columns, int reach) {
        return vector_array(connected_components(array_vector(tiles), columns, reach));
    }, py::arg("tiles"), py::arg("columns"), py::arg("reach"));
    m.def("release_memory", [] {
#if defined(__GLIBC__)
        malloc_trim(0);
#endif
    }, py::call_guard<py::gil_scoped_release>());
    bind_packed(m);
    bind_segment(m);
    bind_builder(m);
    bind_history(m);
    bind_pointer(m);
}
