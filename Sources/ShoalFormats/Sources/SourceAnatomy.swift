/// What is known of a model's files once their headers were read: the input of ``LayoutOne``.
package struct SourceAnatomy: Hashable, Sendable {
    /// What the files are together.
    package let format: Manifest.Format
    /// Each with its regions, in the order of the list that was read.
    package let files: [LayoutOne.SourceFile]
    /// How many experts the router picks for a token; nil when no region is an expert's.
    package let expertsUsed: Int?
    package let model: Manifest.Model
    /// What the publisher should know, in sentences: why experts are not registered, for instance. Not in the manifest.
    package let notes: [String]

    package init(
        format: Manifest.Format,
        files: [LayoutOne.SourceFile],
        expertsUsed: Int? = nil,
        model: Manifest.Model = Manifest.Model(),
        notes: [String] = []
    ) {
        self.format = format
        self.files = files
        self.expertsUsed = expertsUsed
        self.model = model
        self.notes = notes
    }

    /// Cuts the files: the plan of a manifest.
    package func plan() throws(ManifestError) -> LayoutPlan {
        try LayoutOne.plan(
            format: self.format,
            files: self.files,
            expertsUsed: self.expertsUsed,
            model: self.model
        )
    }
}
