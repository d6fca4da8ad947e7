terraform {
  required_providers {
    logagg = {
      source = "logagg/logagg"
    }
  }
}

provider "logagg" {
  region = "eu-central-1"
}
