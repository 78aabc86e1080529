import ArgumentParser

/// Whether shards that few others have are copied here on their own.
struct ReplicationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Hold up to so much of a model that is not fetched whole, by copying what fewer than three others have: "
                + "20GB, 512MiB.",
            valueName: "size"
        ),
        transform: { text in
            if text.lowercased() != Settings.none { _ = try DataSize(parsing: text) }
            return text
        }
    )
    var replicate: String?
}
