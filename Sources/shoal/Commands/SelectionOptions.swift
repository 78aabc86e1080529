import ArgumentParser
import ShoalFormats

/// Which files of a model are meant.
struct SelectionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Only files whose path matches, such as '*Q4_K_M*' or 'Q4_K_M/'. Can be given more than once.",
            valueName: "glob"
        )
    )
    var include: [String] = []

    @Option(help: ArgumentHelp("No files whose path matches. Can be given more than once.", valueName: "glob"))
    var exclude: [String] = []

    func validate() throws {
        do throws(SelectionError) {
            _ = try FileSelection(include: self.include, exclude: self.exclude)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The choice, which ``validate()`` has looked at.
    var selection: FileSelection {
        get throws { try FileSelection(include: self.include, exclude: self.exclude) }
    }
}
