// Runs all tests, or those whose name contains the first argument.
#include <cstdio>
#include <cstring>
#include <exception>

#include "check.hpp"

int main(int argc, char** argv) {
    int passed = 0, failed = 0;
    for (const auto& test : narratrace::tests::registry()) {
        if (argc > 1 && !std::strstr(test.name.c_str(), argv[1])) continue;
        try {
            test.run();
            ++passed;
        } catch (const std::exception& error) {
            std::printf("FAILED %s\n  %s\n", test.name.c_str(), error.what());
            ++failed;
        }
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
