// swift-tools-version: 6.2

import PackageDescription

/// What every target is compiled with.
let everywhere: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Pure targets hold the protocol: no clock, no dice, no Foundation, no logging. `scripts/check-imports` enforces it.
let pure: [SwiftSetting] = everywhere + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]

let package = Package(
    name: "shoal",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "shoal", targets: ["ShoalCommand"]),
        .library(name: "Shoal", targets: ["Shoal"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Pure: decide in values.
        .target(name: "ShoalCore", swiftSettings: pure),
        .target(
            name: "ShoalFormats",
            dependencies: ["ShoalCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: pure
        ),
        .target(name: "ShoalWire", dependencies: ["ShoalCore"], swiftSettings: pure),
        .target(name: "ShoalSwarm", dependencies: ["ShoalCore", "ShoalFormats", "ShoalWire"], swiftSettings: pure),
        .target(
            name: "ShoalSimulation",
            dependencies: ["ShoalCore", "ShoalWire", "ShoalSwarm"],
            swiftSettings: pure
        ),

        // Effects: act at the edges. They never import each other.
        .target(name: "CDisk", cSettings: [.treatAllWarnings(as: .error)]),
        .target(
            name: "ShoalStore",
            dependencies: [
                "CDisk", "ShoalCore", "ShoalFormats",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: everywhere
        ),
        .target(
            name: "ShoalSignaling",
            dependencies: [
                "ShoalCore", "ShoalSwarm",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: everywhere
        ),
        .systemLibrary(name: "CLibDataChannel", pkgConfig: "libdatachannel"),
        .target(
            name: "CDataChannel",
            dependencies: ["CLibDataChannel"],
            cxxSettings: [.treatAllWarnings(as: .error)],
            linkerSettings: [
                .linkedLibrary("crypto"),
                .linkedLibrary("stdc++", .when(platforms: [.linux])),
            ]
        ),
        .target(
            name: "ShoalTransport",
            dependencies: [
                "ShoalCore", "ShoalFormats", "ShoalWire", "ShoalSwarm", "CDataChannel",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: everywhere
        ),

        // Composition.
        .target(
            name: "ShoalNode",
            dependencies: [
                "ShoalCore", "ShoalFormats", "ShoalWire", "ShoalSwarm", "ShoalStore", "ShoalSignaling",
                "ShoalTransport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
        // The library product. Folder and name differ because `Shoal` and `shoal` are one on disks that ignore case, as
        // those of Macs do; for the same reason the program's module is not called as the program.
        .target(
            name: "Shoal",
            dependencies: [
                "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling", "ShoalStore", "ShoalSwarm",
                "ShoalTransport", "ShoalWire",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/ShoalLibrary",
            swiftSettings: everywhere
        ),
        .executableTarget(
            name: "load-shards",
            dependencies: ["Shoal"],
            path: "Examples/load-shards",
            swiftSettings: everywhere
        ),
        .executableTarget(
            name: "ShoalCommand",
            dependencies: [
                "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling", "ShoalStore", "ShoalSwarm",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Sources/shoal",
            swiftSettings: everywhere
        ),
        .executableTarget(
            name: "shoal-sim",
            dependencies: [
                "ShoalCore", "ShoalSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: everywhere
        ),
        .executableTarget(
            name: "shoal-bench",
            dependencies: [
                "CDataChannel", "HostilePeers", "ModelFixtures", "Shoal", "ShoalCore", "ShoalFormats", "ShoalNode",
                "ShoalSignaling", "ShoalStore", "ShoalSwarm", "ShoalTransport", "ShoalWire", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Benchmarks/shoal-bench",
            swiftSettings: everywhere
        ),

        // Tests.
        .target(name: "TestVectors", path: "Tests/TestVectors", swiftSettings: everywhere),
        .target(
            name: "TestSupport",
            dependencies: [
                "ShoalCore",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: everywhere
        ),
        .target(
            name: "HostilePeers",
            dependencies: [
                "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling", "ShoalStore", "ShoalSwarm",
                "ShoalTransport", "ShoalWire", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            path: "Tests/HostilePeers",
            swiftSettings: everywhere
        ),
        .target(
            name: "ModelFixtures",
            dependencies: ["ShoalCore", "ShoalFormats"],
            path: "Tests/ModelFixtures",
            swiftSettings: everywhere
        ),
        .testTarget(name: "ShoalCoreTests", dependencies: ["ShoalCore"], swiftSettings: everywhere),
        .testTarget(
            name: "ShoalFormatsTests",
            dependencies: ["ModelFixtures", "ShoalCore", "ShoalFormats", "TestSupport", "TestVectors"],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalWireTests",
            dependencies: ["ShoalCore", "ShoalWire", "TestVectors"],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalSwarmTests",
            dependencies: ["ShoalCore", "ShoalSwarm", "ShoalWire", "TestVectors"],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalSimulationTests",
            dependencies: [
                // The program that a test runs twice lies beside the tests once it is built.
                "shoal-sim", "ShoalCore", "ShoalSimulation", "ShoalSwarm", "ShoalWire",
            ],
            swiftSettings: everywhere
        ),
        // Killed by the tests of the store, again and again.
        .executableTarget(
            name: "store-driver",
            dependencies: ["ShoalCore", "ShoalFormats", "ShoalStore"],
            path: "Tests/StoreDriver",
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalStoreTests",
            dependencies: [
                "store-driver", "ModelFixtures", "ShoalCore", "ShoalFormats", "ShoalStore", "TestSupport",
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalSignalingTests",
            dependencies: [
                "ShoalCore", "ShoalSwarm", "ShoalSignaling", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalTransportTests",
            dependencies: [
                "CDataChannel", "ShoalCore", "ShoalSwarm", "ShoalTransport", "ShoalWire", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalNodeTests",
            dependencies: [
                "HostilePeers", "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling", "ShoalStore", "ShoalSwarm",
                "ShoalTransport", "ShoalWire", "TestSupport", "TestVectors",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalTests",
            dependencies: [
                // The example that a test runs lies beside the tests once it is built.
                "load-shards", "ModelFixtures", "Shoal", "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling",
                "ShoalStore",
                "ShoalSwarm", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalBenchTests",
            dependencies: [
                "shoal-bench", "ModelFixtures", "ShoalCore", "ShoalFormats", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: everywhere
        ),
        .testTarget(
            name: "ShoalCommandTests",
            dependencies: [
                // The program that the tests run lies beside them once it is built.
                "ShoalCommand", "ModelFixtures", "ShoalCore", "ShoalFormats", "ShoalNode", "ShoalSignaling",
                "ShoalStore",
                "ShoalSwarm", "TestSupport",
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: everywhere
        ),
    ],
    cxxLanguageStandard: .cxx17
)

// Set by `scripts/fuzz`: another package, of the parsers and machines that see bytes of strangers, in which modules count
// coverage and check addresses. It has no dependency: parsers that live in modules with sockets and disks are built without
// these, and hashes come from `Fuzzing/Crypto`. So it is built within a minute or two.
if Context.environment["SHOAL_FUZZ"] != nil {
    let parsers = [
        "ShoalSignaling": [
            "Codec", "JSON", "HostPort.swift", "SignalingError.swift", "TrackerURL.swift", "Server/IndexedTable.swift",
            "Server/RelayedOffers.swift", "Server/TokenBucket.swift", "Server/TrackerAddress.swift",
            "Server/TrackerDoor.swift", "Server/TrackerRegistry.swift", "Server/TrackerRegistry+Announces.swift",
            "Server/TrackerSwarm.swift",
        ],
        "ShoalTransport": ["RTCError.swift", "SessionDescription.swift"],
        "ShoalNode": [
            "Socket/CacheReport.swift", "Socket/LimitReport.swift", "Socket/ModelReport.swift",
            "Socket/NodeAnswer.swift",
            "Socket/NodeCodec.swift", "Socket/NodeFailure.swift", "Socket/NodeRequest.swift", "Socket/PeerReport.swift",
            "Socket/ShardRanges.swift", "Socket/StatusReport.swift",
        ],
    ]
    let whole = ["ShoalCore", "ShoalFormats", "ShoalWire", "ShoalSwarm"]
    let sanitizers = "-sanitize=fuzzer,address"
    package.dependencies = []
    package.products = []
    package.targets.removeAll { target in
        !whole.contains(target.name) && parsers[target.name] == nil && target.name != "TestVectors"
    }
    for target in package.targets {
        if let sources = parsers[target.name] {
            target.sources = sources
            target.dependencies = ["ShoalCore", "ShoalSwarm"]
        }
        if target.name == "ShoalFormats" { target.dependencies = ["ShoalCore", "Crypto"] }
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags([sanitizers, "-enable-testing"])]
    }
    package.targets += [
        .target(name: "Crypto", path: "Fuzzing/Crypto", swiftSettings: everywhere),
        .systemLibrary(name: "CFuzzer", path: "Fuzzing/CFuzzer"),
        .executableTarget(
            name: "shoal-fuzz",
            dependencies: ["CFuzzer", "TestVectors"] + (whole + parsers.keys.sorted()).map { .init(stringLiteral: $0) },
            path: "Fuzzing/shoal-fuzz",
            swiftSettings: everywhere + [.unsafeFlags([sanitizers])],
            linkerSettings: [
                .unsafeFlags([sanitizers]),
                // gold, the toolchain's choice, stops at libFuzzer's own `main`, which nobody calls here.
                .unsafeFlags(["-use-ld=lld"], .when(platforms: [.linux])),
            ]
        ),
    ]
}
