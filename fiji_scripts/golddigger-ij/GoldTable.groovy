import groovy.transform.CompileStatic
import ij.ImagePlus
import ij.WindowManager
import ij.measure.ResultsTable
import ij.text.TextWindow

/** The particles of an image in a results table of their own. */
@CompileStatic
class GoldTable {

    private static final Map<String, Integer> DECIMALS = [id: 0, x: 3, y: 3, area: 3, diameter_nm: 3, score: 4]

    /** Shows the particles of an answer in the image's table, in place of those that it held; nothing where it has no window. */
    static void show(ImagePlus image, Map answer) {
        if (image.window == null) return
        def table = new ResultsTable()
        DECIMALS.each { String name, int decimals ->
            table.setValues(name, GoldRois.numbers(answer[name]))
            int column = table.getColumnIndex(name)
            if (column != ResultsTable.COLUMN_NOT_FOUND) table.setDecimalPlaces(column, decimals)
        }
        ["group", "region"].each { String name ->
            def texts = GoldRois.texts(answer[name])
            for (int row = 0; row < texts.length; row++) table.setValue(name, row, texts[row])
        }
        def title = "Gold Particles of $image.title".toString()
        GoldRoiManager.inWindows {
            def window = WindowManager.getFrame(title)
            if (window instanceof TextWindow) ((TextWindow) window).textPanel.clear()
            table.show(title)
            // Not under the table; and the keys are the image's again.
            GoldRoiManager.find(false)?.toFront()
            image.window.toFront()
        }
    }
}
