// A Jenkinsfile. The trend of each step is drawn by the Performance plugin.
pipeline {
  agent any
  stages {
    stage('load') {
      steps {
        sh 'pip install --quiet loadws'
        sh 'loadws run gate.yaml --quiet --formats-to load'
      }
      post {
        always {
          junit 'load/junit.xml'
          perfReport sourceDataFiles: 'load/final-stats.xml'
          archiveArtifacts artifacts: 'load/**, reports/**'
        }
      }
    }
  }
}
