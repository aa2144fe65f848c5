-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL
) WITH (DATA_COMPRESSION = ROW);
END;

-- reconcile
ALTER TABLE [silver].[sessions] REBUILD WITH (DATA_COMPRESSION = ROW);

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
