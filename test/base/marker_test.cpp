#include "base/marker.hpp"

#include <doctest/doctest.h>

using regkit::clean_markers;
using regkit::Marker;
using regkit::marker_spelling;

TEST_CASE("a marker's name has one spelling") {
    const std::vector<std::pair<const char*, const char*>> table{
        {"CTCF.K562", "CTCF.K562"},
        {"H3K27ac-human*[1]", "H3K27ac-human*[1]"},
        {"B (2)", "B_(2)"},
        {"a/b,c;d=e%2C\\\"f\"", "a_b_c_d_e_2C__f_"},
        {"#first", "_first"},
        {"tab\there", "tab_x09here"},
        {"\x1b[31mred", "_x1b[31mred"},
        {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
        {"\xff", "_xff"},
    };
    for (const auto& [name, spelled] : table) {
        CHECK_MESSAGE(marker_spelling(name) == spelled, name);
        CHECK_MESSAGE(marker_spelling(spelled) == spelled, name);
    }
}

TEST_CASE("markers of older files are cleaned, stay apart, and what changed is told") {
    std::vector<Marker> markers{{"a b", "x\ty", "c\n", "\x1b", 0},
                                {"a_b", "", "", "", 0},
                                {"a,b", "", "", "", 0},
                                {"plain", "T cells", "", "", 0}};
    const auto told = clean_markers(markers, "m.safetensors");
    CHECK(markers[0].name == "a_b_2");
    CHECK(
        (markers[0].class_name == "x\\x09y" && markers[0].cell == "c\\x0a" && markers[0].target == "\\x1b"));
    CHECK((markers[1].name == "a_b" && markers[2].name == "a_b_3" && markers[3].name == "plain"));
    CHECK(markers[3].class_name == "T cells");
    CHECK(
        told ==
        std::vector<std::string>{
            "m.safetensors: marker 'a b' is called a_b_2 here",
            "m.safetensors: marker a_b_2: control characters of its class, cell or target are written as hex",
            "m.safetensors: marker 'a,b' is called a_b_3 here"});
    CHECK(clean_markers(markers, "again").empty());
}
