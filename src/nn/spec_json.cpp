// regkit-spec(5): reading and writing.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "nn/cost.hpp"
#include "nn/graph.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxFilters = 1 << 20;
constexpr int kMaxExtent = 1 << 20;  // width, stride, dilation
constexpr std::int64_t kMaxWindow = 1 << 30;
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxText = std::size_t{1} << 20;  // of a spec: 255 layers need a twentieth
constexpr std::size_t kMaxKeys = 64;  // of an object, which is searched from its beginning for each
constexpr std::size_t kMaxName = 256;
constexpr int kMaxObjects = 4096;  // the parser looks through a list at the end of each object in it

bool is_plain_name(const std::string& name) {
    return !name.empty() && name.size() <= kMaxName &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               name.npos;
}

// The members of one JSON object, each asked for once; finish() refuses those that nobody asked for.
class Members {
  public:
    // `where` begins every message: "SOURCE" or "SOURCE: layer 'conv2'".
    Members(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
        if (!object.is_object()) fail("expected an object, {...}");
    }

    std::string text(const char* key, const std::string& otherwise) {
        const Json* value = find(key);
        if (!value) return otherwise;
        if (!value->is_string()) fail(std::string(key) + ": expected text");
        return value->get<std::string>();
    }
    std::string text(const char* key) {
        if (!object_.contains(key)) missing(key);
        return text(key, "");
    }
    std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
        const Json* value = find(key);
        if (!value) return otherwise;
        const bool small =
            value->is_number_integer() &&
            (!value->is_number_unsigned() ||
             value->get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()});
        if (!small || value->get<std::int64_t>() < low || value->get<std::int64_t>() > high)
            fail(std::string(key) + ": expected a whole number from " + std::to_string(low) + " to " +
                 std::to_string(high) + ", not " + shown(*value));
        return value->get<std::int64_t>();
    }
    int integer(const char* key, int low, int high) {  // required
        if (!object_.contains(key)) missing(key);
        return static_cast<int>(integer(key, 0, low, high));
    }
    int integer_or(const char* key, int otherwise, int high) {
        return static_cast<int>(integer(key, otherwise, 1, high));
    }
    // In [low, high), or (low, high] when `open_low`.
    double real(const char* key, double otherwise, double low, double high, bool open_low) {
        const Json* value = find(key);
        if (!value) return otherwise;
        const double number = value->is_number() ? value->get<double>() : std::nan("");
        const bool inside = open_low ? number > low && number <= high : number >= low && number < high;
        if (!inside)
            fail(std::string(key) + ": expected a number in " + (open_low ? "(" : "[") + shown(low) + ", " +
                 shown(high) + (open_low ? "]" : ")") + ", not " + shown(*value));
        return number;
    }
    bool flag(const char* key) {
        const Json* value = find(key);
        if (!value) return false;
        if (!value->is_boolean()) fail(std::string(key) + ": expected true or false, not " + shown(*value));
        return value->get<bool>();
    }
    // One text or a list of them.
    std::vector<std::string> texts(const char* key, std::vector<std::string> otherwise) {
        const Json* value = find(key);
        if (!value) return otherwise;
        if (value->is_string()) return {value->get<std::string>()};
        if (!value->is_array()) fail(std::string(key) + ": expected a name or a list of names");
        std::vector<std::string> names;
        for (const Json& item : *value) {
            if (!item.is_string()) fail(std::string(key) + ": expected names, not " + shown(item));
            names.push_back(item.get<std::string>());
        }
        if (names.size() > kMaxText / 1024)
            fail(std::string(key) + ": a list of " + std::to_string(names.size()) + " names");
        return names;
    }
    const Json* list(const char* key) {
        const Json* value = find(key);
        if (value && !value->is_array()) fail(std::string(key) + ": expected a list, [...]");
        return value;
    }

    void finish() const {
        for (const auto& [key, value] : object_.items()) {
            if (known_.count(key)) continue;
            std::string keys;
            for (const std::string& name : known_) keys += (keys.empty() ? "" : ", ") + name;
            const std::string meant = nearest(key, {known_.begin(), known_.end()});
            fail("unknown key " + regkit::quoted(key) +
                 (meant.empty() ? "" : "; did you mean " + meant + "?") + (meant.empty() ? "; " : " ") +
                 "known here: " + keys);
        }
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::input, where_ + ": " + what);
    }

  private:
    // Misspelt, it is there under another name, which is what has to be mended.
    [[noreturn]] void missing(const std::string& key) const {
        std::vector<std::string> others;
        for (const auto& [name, value] : object_.items())
            if (!known_.count(name)) others.push_back(name);
        const std::string typed = nearest(key, others);
        constexpr std::size_t kTypos = 2;
        if (!typed.empty() && edit_distance(key, typed) <= kTypos)
            fail("unknown key " + regkit::quoted(typed) + "; did you mean " + key + "?");
        fail("'" + key + "' is missing");
    }
    const Json* find(const char* key) {
        known_.insert(key);
        const auto found = object_.find(key);
        return found == object_.end() ? nullptr : &*found;
    }
    static std::string shown(const Json& value) {
        std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
        return text.size() <= 40 ? text : text.substr(0, 37) + "...";
    }

    const Json& object_;
    std::string where_;
    std::set<std::string> known_;
};

// nlohmann's parser keeps the last of two equal keys; here they are an error. Deeper nesting than any spec
// has is refused while it is read, since printing such a value would exhaust the stack.
Json parse_strict(std::string_view text, const std::string& source) {
    require(text.size() <= kMaxText, ErrorKind::input, source + ": more than 1 MiB; a spec is shorter");
    std::vector<std::set<std::string>> open;
    std::string repeated;
    int objects = 0;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
        require(depth <= kMaxDepth, ErrorKind::input, source + ": nested too deeply");
        if (event == Json::parse_event_t::object_start) {
            open.emplace_back();
            require(++objects <= kMaxObjects, ErrorKind::input, source + ": more than 4,096 objects");
        }
        if (event == Json::parse_event_t::object_end) open.pop_back();
        if (event == Json::parse_event_t::key) {
            if (!open.back().insert(parsed.get<std::string>()).second) repeated = parsed.get<std::string>();
            require(open.back().size() <= kMaxKeys, ErrorKind::input,
                    source + ": more than 64 keys in one object");
        }
        return true;
    };
    Json json;
    try {
        json = Json::parse(text, watch);
    } catch (const Json::exception& e) {
        std::string why =
            e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
        if (const auto end = why.find("] "); why.starts_with('[') && end != why.npos)
            why = why.substr(end + 2);
        throw Error(ErrorKind::input, source + ": not JSON: " + why);
    }
    require(repeated.empty(), ErrorKind::input,
            source + ": key " + regkit::quoted(repeated) + " stands twice in one object");
    return json;
}

LayerType parse_type(Members& members) {
    const std::string name = members.text("type");
    std::string known;
    for (const LayerRow& row : kLayers) {
        if (name == row.layer().name()) return row.type;
        known += (known.empty() ? "" : ", ") + std::string(row.layer().name());
    }
    members.fail("unknown type " + regkit::quoted(name) + "; there are " + known);
}

Init parse_init(Members& members) {
    const std::string name = members.text("init", to_string(Init::torch));
    for (const Init init : {Init::torch, Init::he, Init::paper})
        if (name == to_string(init)) return init;
    members.fail("init: expected 'torch', 'he' or 'paper', not " + regkit::quoted(name));
}

// How a key of a layer is read, and how it is written where it says something.
struct KeyRow {
    Key key;
    const char* name;
    void (*read)(Members& members, const char* name, bool required, LayerSpec& layer);
    void (*write)(Json& item, const char* name, const LayerSpec& layer);
};

template <int LayerSpec::*field, int kMax>
constexpr KeyRow number_row(Key key, const char* name) {
    return {key, name,
            [](Members& members, const char* what, bool required, LayerSpec& layer) {
                layer.*field =
                    required ? members.integer(what, 1, kMax) : members.integer_or(what, layer.*field, kMax);
            },
            [](Json& item, const char* what, const LayerSpec& layer) { item[what] = layer.*field; }};
}

template <bool LayerSpec::*field>
constexpr KeyRow flag_row(Key key, const char* name) {
    return {
        key, name,
        [](Members& members, const char* what, bool, LayerSpec& layer) { layer.*field = members.flag(what); },
        [](Json& item, const char* what, const LayerSpec& layer) {
            if (layer.*field) item[what] = true;
        }};
}

void read_filters(Members& members, const char* name, bool required, LayerSpec& layer) {
    layer.filters = required ? members.integer(name, 1, kMaxFilters)
                             : static_cast<int>(members.integer(name, 0, 1, kMaxFilters));
}
void write_filters(Json& item, const char* name, const LayerSpec& layer) {
    if (layer.filters > 0) item[name] = layer.filters;
}

void read_padding(Members& members, const char* name, bool, LayerSpec& layer) {
    const std::string padding = members.text(name, "same");
    if (padding != "same" && padding != "valid")
        members.fail(std::string(name) + ": expected 'same' or 'valid', not " + regkit::quoted(padding));
    layer.padding = padding == "same" ? Padding::same : Padding::valid;
}
void write_padding(Json& item, const char* name, const LayerSpec& layer) {
    item[name] = layer.padding == Padding::same ? "same" : "valid";
}

void read_weights(Members& members, const char* name, bool, LayerSpec& layer) {
    layer.weights = members.text(name, "");
    if (!layer.weights.empty() && !is_plain_name(layer.weights))
        members.fail(std::string(name) + ": " + regkit::quoted(layer.weights) + " is no layer's name");
}
void write_weights(Json& item, const char* name, const LayerSpec& layer) {
    if (!layer.weights.empty()) item[name] = layer.weights;
}

// In the order in which they are written.
constexpr KeyRow kKeys[] = {
    {Key::filters, "filters", read_filters, write_filters},
    number_row<&LayerSpec::width, kMaxExtent>(Key::width, "width"),
    number_row<&LayerSpec::stride, kMaxExtent>(Key::stride, "stride"),
    number_row<&LayerSpec::dilation, kMaxExtent>(Key::dilation, "dilation"),
    {Key::padding, "padding", read_padding, write_padding},
    {Key::weights, "weights", read_weights, write_weights},
    flag_row<&LayerSpec::flatten>(Key::flatten, "flatten"),
    flag_row<&LayerSpec::bidirectional>(Key::bidirectional, "bidirectional"),
    flag_row<&LayerSpec::norm>(Key::norm, "norm"),
    flag_row<&LayerSpec::relu>(Key::relu, "relu"),
    flag_row<&LayerSpec::dropout>(Key::dropout, "dropout"),
};

LayerSpec parse_layer(const Json& json, const std::string& source, int number, const std::string& before) {
    const std::string position = source + ": layer " + std::to_string(number);
    const std::string name = Members(json, position).text("name");
    Members members(json, source + ": layer " + regkit::quoted(name));
    LayerSpec layer;
    layer.name = members.text("name");
    if (!is_plain_name(name)) members.fail("a name is made of letters, digits and underscores, at most 256");
    layer.type = parse_type(members);
    layer.from = members.texts("from", {before});
    for (const std::string& from : layer.from)
        if (!is_plain_name(from)) members.fail("from: " + regkit::quoted(from) + " is no layer's name");
    const Layer& kind = kind_of(layer);
    for (const KeyRow& row : kKeys)
        if (kind.has(row.key)) row.read(members, row.name, kind.required_keys().has(row.key), layer);
    members.finish();
    return layer;
}

}  // namespace

Spec parse_spec(std::string_view text, const std::string& source) {
    const Json json = parse_strict(text, source);
    Members members(json, source);
    Spec spec;
    spec.name = members.text("name");
    if (spec.name.size() > kMaxName || !is_printable(spec.name))
        members.fail("name: " + regkit::quoted(spec.name) +
                     " is longer than 256 bytes or has control characters");
    spec.description = printable(members.text("description", ""));  // which --describe prints
    try {
        spec.task = parse_task(members.text("task", to_string(spec.task)));
    } catch (const Error& e) {
        members.fail(e.what());
    }
    spec.window = members.integer("window", spec.window, 1, kMaxWindow);
    spec.init = parse_init(members);
    spec.dropout = members.real("dropout", spec.dropout, 0, 1, false);
    spec.norm_momentum = members.real("norm_momentum", spec.norm_momentum, 0, 1, true);
    spec.norm_eps = members.real("norm_eps", spec.norm_eps, 0, 1, true);
    const Json* layers = members.list("layers");
    if (!layers || layers->empty()) members.fail("'layers' is missing or empty");
    for (const Json& layer : *layers)
        spec.layers.push_back(parse_layer(layer, source, static_cast<int>(spec.layers.size()) + 1,
                                          spec.layers.empty() ? "sequence" : spec.layers.back().name));
    if (const Json* heads = members.list("heads")) {
        for (const Json& item : *heads) {
            Members head(item, source + ": head " + std::to_string(spec.heads.size() + 1));
            spec.heads.push_back({head.text("from"), head.real("weight", 1, 0, 1e6, true)});
            head.finish();
            if (!is_plain_name(spec.heads.back().from))
                head.fail("from: " + regkit::quoted(spec.heads.back().from) + " is no layer's name");
        }
    } else {
        spec.heads.push_back({spec.layers.back().name, 1});
    }
    members.finish();
    resolve(spec, 1, source);
    require_affordable(spec, 1, source);
    return spec;
}

std::string to_json(const Spec& spec) {
    Json json;
    json["name"] = spec.name;
    if (!spec.description.empty()) json["description"] = spec.description;
    json["task"] = to_string(spec.task);
    json["window"] = spec.window;
    if (spec.init != Init::torch)
        json["init"] = to_string(spec.init);  // texts of older models stay as they are
    json["dropout"] = spec.dropout;
    json["norm_momentum"] = spec.norm_momentum;
    json["norm_eps"] = spec.norm_eps;
    for (const LayerSpec& layer : spec.layers) {
        Json item;
        item["name"] = layer.name;
        item["type"] = kind_of(layer).name();
        item["from"] = layer.from;
        for (const KeyRow& row : kKeys)
            if (kind_of(layer).has(row.key)) row.write(item, row.name, layer);
        json["layers"].push_back(item);
    }
    for (const HeadSpec& head : spec.heads) {
        Json item;
        item["from"] = head.from;
        item["weight"] = head.weight;
        json["heads"].push_back(item);
    }
    return json.dump(-1, ' ', true);
}

Spec without_norm(Spec spec) {
    for (LayerSpec& layer : spec.layers) layer.norm = false;
    return spec;
}

Spec with_window(Spec spec, std::int64_t window, const std::string& source) {
    spec.window = window;
    resolve(spec, 1, source);
    require_affordable(spec, 1, source);
    return spec;
}

}  // namespace regkit
