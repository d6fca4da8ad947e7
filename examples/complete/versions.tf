terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0"
    }
    logagg = {
      source = "logagg/logagg"
    }
  }
}

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}

provider "logagg" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}
