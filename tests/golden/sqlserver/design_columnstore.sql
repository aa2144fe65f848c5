-- create
IF OBJECT_ID(N'[silver].[sessions]', N'U') IS NULL
BEGIN
CREATE TABLE [silver].[sessions] (
    [id] bigint NOT NULL,
    [user_id] nvarchar(20) NULL,
    [watched] date NULL,
    [minutes] int NULL,
    [note] nvarchar(max) NULL,
    CONSTRAINT [PK_silver_sessions] PRIMARY KEY NONCLUSTERED ([id])
);
CREATE CLUSTERED COLUMNSTORE INDEX [CCI_silver_sessions] ON [silver].[sessions];
END;

-- reconcile
CREATE NONCLUSTERED INDEX [mdl_sessions_89aec244] ON [silver].[sessions] ([watched] DESC, [user_id]) INCLUDE ([minutes]);

-- bind
IF OBJECT_ID(N'[silver].[users]', N'U') IS NOT NULL
    ALTER TABLE [silver].[sessions] WITH CHECK ADD CONSTRAINT [mdl_fk_sessions_fd7567b8] FOREIGN KEY ([user_id]) REFERENCES [silver].[users] ([id]);

-- tidy
DECLARE @drop nvarchar(max);
SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION ' + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')
FROM sys.partition_schemes AS [s]
INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]
WHERE LEFT([s].[name], 7) = N'mdl_ps_'
    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);
IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;
