// The little that these tests need of a test framework.
//
//     TEST(name) { CHECK(condition); CHECK_EQUAL(got, wanted); }
//
// A failed check is reported with its place and ends its test; main() runs all and counts.
#pragma once

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace narratrace::tests {

struct Failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Test {
    std::string name;
    std::function<void()> run;
};

inline std::vector<Test>& registry() {
    static std::vector<Test> tests;
    return tests;
}

struct Registration {
    Registration(const char* name, void (*run)()) { registry().push_back({name, run}); }
};

[[noreturn]] inline void fail(const char* file, int line, const std::string& text) {
    std::ostringstream out;
    out << file << ':' << line << ": " << text;
    throw Failure(out.str());
}

template <typename A, typename B>
void check_equal(const A& got, const B& wanted, const char* text, const char* file, int line) {
    if (got == wanted) return;
    std::ostringstream out;
    out << text << ": " << got << " is not " << wanted;
    fail(file, line, out.str());
}

}  // namespace narratrace::tests

#define TEST(name)                                                                    \
    static void test_##name();                                                        \
    static const narratrace::tests::Registration register_##name{#name, test_##name}; \
    static void test_##name()
#define CHECK(condition) \
    do { if (!(condition)) narratrace::tests::fail(__FILE__, __LINE__, #condition); } while (false)
#define CHECK_EQUAL(got, wanted) \
    narratrace::tests::check_equal((got), (wanted), #got " == " #wanted, __FILE__, __LINE__)
#define CHECK_THROWS(error, expression)                                                                \
    do {                                                                                               \
        bool thrown = false;                                                                           \
        try { (void)(expression); } catch (const error&) { thrown = true; }                            \
        if (!thrown) narratrace::tests::fail(__FILE__, __LINE__, #expression " does not throw " #error); \
    } while (false)
