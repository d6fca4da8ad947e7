region          = "eu-central-1"
shipper_archive = "logagg-shipper_0.1.0_arm64.zip"
url             = "https://search.example:9200"
