// A build configuration of TeamCity, in .teamcity/settings.kts. Problems, statistics and the report come by service messages.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildFeatures.XmlReport
import jetbrains.buildServer.configs.kotlin.buildFeatures.xmlReport
import jetbrains.buildServer.configs.kotlin.buildSteps.script

object Load : BuildType({
    name = "Load"
    artifactRules = "load => load"
    steps {
        script {
            scriptContent = """
                pip install --quiet loadws
                loadws run gate.yaml --quiet --formats-to load
            """.trimIndent()
        }
    }
    features {
        xmlReport {
            reportType = XmlReport.XmlReportType.JUNIT
            rules = "load/junit.xml"
        }
    }
})
