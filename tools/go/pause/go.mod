module mcloudtools/pause

go 1.24.0
