import ModelFixtures
import ShoalFormats

/// Files that the format allows, and files that it does not.
enum SafetensorsSamples {
    struct Sound: Sendable {
        let name: String
        let file: SafetensorsFile
    }

    struct Broken: Sendable {
        let name: String
        /// Where the problem is said to be.
        let field: String
        let file: SafetensorsFile
    }

    private static func file(
        _ tensors: [SafetensorsFile.Tensor],
        _ change: (inout SafetensorsFile) -> Void
    )
        -> SafetensorsFile
    {
        var file = SafetensorsFile(tensors)
        change(&file)
        return file
    }

    /// A file with one tensor of 8 bytes, described by `json`.
    private static func described(_ json: String) -> SafetensorsFile {
        self.file([.init("a", [8], "U8")]) { $0.json = json }
    }

    static let sound: [Sound] =
        [
            Sound(name: "no tensor", file: SafetensorsFile()),
            Sound(name: "an empty object", file: Self.file([]) { $0.json = "{}" }),
            Sound(name: "no metadata", file: Self.file([.init("a", [2, 3])]) { $0.metadata = nil }),
            Sound(name: "null for metadata", file: Self.file([.init("a", [2, 3])]) { $0.metadata = "null" }),
            Sound(name: "a number without dimensions", file: SafetensorsFile([.init("a", [], "F32")])),
            Sound(
                name: "tensors of no byte",
                file: SafetensorsFile([.init("a", [0, 4]), .init("b", [1]), .init("c", [0])])
            ),
            Sound(name: "four bits", file: SafetensorsFile([.init("a", [2, 3], "F4")])),
            Sound(
                name: "six bits",
                file: SafetensorsFile([.init("a", [4, 1], "F6_E2M3"), .init("b", [8], "F6_E3M2")])
            ),
            Sound(
                name: "members in another order and one more",
                file: Self.described(#"{"a":{"x":[{}],"data_offsets":[0,8],"shape":[2,4],"dtype":"U8"}}"#)
            ),
            Sound(
                name: "an escape in a name",
                file: Self.described(#"{"\u0061":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#)
            ),
            Sound(
                name: "white space",
                file: Self.described(#"{ "a" : {"dtype":"U8","shape":[ 8 ],"data_offsets":[0, 8]} }"#)
            ),
        ]
        + SafetensorsType.allCases.map { type in
            Sound(name: "type \(type.rawValue)", file: SafetensorsFile([.init("a", [4, 2], type.rawValue)]))
        }

    static let broken: [Broken] = [
        Broken(name: "a length beyond the file", field: "header", file: Self.file([]) { $0.headerByteCount = 1_000 }),
        Broken(
            name: "a length beyond the bound",
            field: "header",
            file: Self.file([]) { $0.headerByteCount = 100_000_001 }
        ),
        Broken(name: "the greatest length", field: "header", file: Self.file([]) { $0.headerByteCount = .max }),
        Broken(name: "a length of nothing", field: "header", file: Self.file([]) { $0.headerByteCount = 0 }),
        Broken(name: "no object", field: "header", file: Self.file([]) { $0.json = "[]" }),
        Broken(name: "half an object", field: "a", file: Self.described(#"{"a":"#)),
        Broken(name: "something behind the object", field: "header", file: Self.file([]) { $0.json = "{}{}" }),
        Broken(
            name: "metadata that are no texts",
            field: "__metadata__",
            file: Self.file([]) { $0.metadata = #"{"a":1}"# }
        ),
        Broken(name: "metadata that are a text", field: "__metadata__", file: Self.file([]) { $0.metadata = #""a""# }),
        Broken(name: "a tensor that is no object", field: "a", file: Self.described(#"{"a":[]}"#)),
        Broken(name: "no type", field: "a.dtype", file: Self.described(#"{"a":{"shape":[8],"data_offsets":[0,8]}}"#)),
        Broken(name: "no shape", field: "a.shape", file: Self.described(#"{"a":{"dtype":"U8","data_offsets":[0,8]}}"#)),
        Broken(name: "no offsets", field: "a.data_offsets", file: Self.described(#"{"a":{"dtype":"U8","shape":[8]}}"#)),
        Broken(
            name: "an unknown type",
            field: "a.dtype",
            file: Self.described(#"{"a":{"dtype":"F3","shape":[8],"data_offsets":[0,8]}}"#)
        ),
        Broken(
            name: "a negative dimension",
            field: "a",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[-8],"data_offsets":[0,8]}}"#)
        ),
        Broken(
            name: "a dimension with a fraction",
            field: "a",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[8.0],"data_offsets":[0,8]}}"#)
        ),
        Broken(
            name: "a shape whose product is too large",
            field: "a.shape",
            file: Self.described(
                #"{"a":{"dtype":"U8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}"#
            )
        ),
        Broken(
            name: "a shape whose bits are too many",
            field: "a.shape",
            file: Self.described(#"{"a":{"dtype":"U64","shape":[4611686018427387904],"data_offsets":[0,8]}}"#)
        ),
        Broken(
            name: "one offset",
            field: "a",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}}"#)
        ),
        Broken(
            name: "three offsets",
            field: "a",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}}"#)
        ),
        Broken(
            name: "offsets that end before they begin",
            field: "a.data_offsets",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}"#)
        ),
        Broken(
            name: "offsets behind the file",
            field: "a.data_offsets",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}"#)
        ),
        Broken(
            name: "offsets that span too little",
            field: "a.data_offsets",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,7]}}"#)
        ),
        Broken(name: "bytes behind the last tensor", field: "", file: Self.described(#"{"__metadata__":{}}"#)),
        Broken(
            name: "a hole",
            field: "b.data_offsets",
            file: Self.file([.init("a", [8], "U8"), .init("b", [4], "U8")]) {
                $0.tensors[0].shape = [7]
                $0.tensors[0].byteCount = 8
                $0.tensors[0].offsets = [0, 7]
            }
        ),
        Broken(
            name: "tensors that share bytes",
            field: "b.data_offsets",
            file: Self.file([.init("a", [8], "U8"), .init("b", [4], "U8")]) { $0.tensors[1].offsets = [4, 8] }
        ),
        Broken(
            name: "half a byte",
            field: "a.shape",
            file: Self.file([.init("a", [3], "F4")]) { $0.tensors[0].byteCount = 2 }
        ),
        Broken(
            name: "a tensor twice",
            field: "a",
            file: Self.described(
                #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}"#
            )
        ),
        Broken(
            name: "a shape twice",
            field: "a.shape",
            file: Self.described(#"{"a":{"dtype":"U8","shape":[1],"shape":[8],"data_offsets":[0,8]}}"#)
        ),
    ]
}
